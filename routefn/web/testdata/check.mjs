// A few claims about the page's modules; each throws if it is not so.

import assert from "node:assert/strict";
import { answered, clock, install, link, route, Storage, view } from "./browser.mjs";

install();
const { codes } = await import("../page/api.js");
const { Chat } = await import("../page/chat.js");
const { mayReplace, takeToken } = await import("../page/handed.js");
const { History } = await import("../page/history.js");
const { Session } = await import("../page/session.js");
const { browserStorage, loggedOut, Memory, Store } = await import("../page/store.js");

const alice = 42, bob = 7;
const epoch = "000000000000000a";
const entry = (number, id) => ({ from: bob, fromName: "bob", to: alice, id, text: "text of " + id, time: number, at: { log: 0, epoch, number, key: bob + ":" + id } });
const tab = (storage) => new History(alice, storage);
const login = { user: alice, name: "alice", device: "web", token: "long", access: "a1", accessSeconds: 600, refresh: "r1" };
const chatOf = (history) => new Chat(Session.of(login, new Store(new Storage())), history, view);
const stored = (storage) => {
  const store = new Store(storage);
  return new Session(store.session().session, store);
};
const texts = (history) => history.outbox.map((m) => m.text);

// connect has a tab's chat log in; the logs hold nothing new.
function connect(chat) {
  const l = link();
  l.confirmed = true;
  chat.take(l, {});
  return l;
}

// accept answers a send as a node does.
const accept = (chat, frame, number) =>
  chat.read(null, { cmd: "send-answer", id: frame.id, time: 1, at: { log: 0, epoch, number }, prev: "" });

// replacing has the route replace each refresh token, and returns those that were used.
function replacing() {
  const used = [];
  route.answer = async (path, { refresh }) => {
    assert.equal(path, "./v1/refresh");
    used.push(refresh);
    return answered({ access: "a" + (used.length + 1), accessSeconds: 600, refresh: "r" + (used.length + 1) });
  };
  return used;
}
const bearer = (session) => session.call(async (token) => token);

const claims = {
  async "an access token is renewed before it ends, and the storage has no longer one"() {
    const storage = new Storage(), used = replacing();
    const session = Session.of(login, new Store(storage));
    assert.ok(![...storage.map.values()].some((v) => v.includes("long") || v.includes("a1")));
    assert.equal(await bearer(session), "a1");
    await clock.pass(571_000);
    assert.deepEqual(await Promise.all([bearer(session), bearer(session)]), ["a2", "a2"]);
    assert.equal(await bearer(stored(storage)), "a3"); // a reload
    assert.deepEqual(used, ["r1", "r2"]);
  },

  async "a tab uses the refresh token that another one got"() {
    const storage = new Storage(), used = replacing();
    const one = Session.of(login, new Store(storage)), two = stored(storage);
    await bearer(two);
    await clock.pass(600_000);
    await bearer(one);
    await bearer(two);
    assert.deepEqual(used, ["r1", "r2", "r3"]);
  },

  async "a refused access token is renewed once"() {
    const used = replacing(), session = Session.of(login, new Store(new Storage())), shown = [];
    const refused = session.call(async (token) => {
      shown.push(token);
      throw Object.assign(new Error(), { code: codes.unauthorized });
    });
    await assert.rejects(refused);
    assert.deepEqual(shown, ["a1", "a2"]);
    assert.deepEqual(used, ["r1"]);
  },

  async "requests whose access token is refused together renew it once"() {
    const used = replacing(), session = Session.of(login, new Store(new Storage())); // it expired while the machine slept
    const ask = () => session.call(async (token) => {
      if (token === "a1") throw Object.assign(new Error(), { code: codes.unauthorized });
      return token;
    });
    assert.deepEqual(await Promise.all([ask(), ask(), ask()]), ["a2", "a2", "a2"]);
    assert.deepEqual(used, ["r1"]);
  },

  async "a refresh whose answer is lost is repeated with the same token"() {
    const storage = new Storage(), session = Session.of(login, new Store(storage)), used = [];
    await clock.pass(600_000);
    route.answer = async (path, { refresh }) => {
      used.push(refresh);
      throw new Error("lost");
    };
    await assert.rejects(bearer(session), { code: codes.unavailable });
    await assert.rejects(bearer(stored(storage)), { code: codes.unavailable }); // a reload
    assert.deepEqual(used, ["r1", "r1"]);
    replacing();
    assert.equal(await bearer(session), "a2");
    assert.equal(session.read().refresh, "r2");
  },

  async "two tabs without locks may use one refresh token at once"() {
    const storage = new Storage(), one = Session.of(login, new Store(storage)), two = stored(storage), used = [];
    await clock.pass(600_000);
    route.answer = async (path, { refresh }) => {
      used.push(refresh);
      return answered({ access: "a" + used.length, accessSeconds: 600, refresh: "r2" }); // as the route does
    };
    assert.deepEqual(await Promise.all([bearer(one), bearer(two)]), ["a1", "a2"]);
    assert.deepEqual(used, ["r1", "r1"]);
    assert.equal(stored(storage).read().refresh, "r2");
  },

  async "a session of a page of before goes on, and gets a refresh token at its login"() {
    const storage = new Storage();
    storage.setItem("cim.session", JSON.stringify({ user: alice, name: "alice", device: "web", token: "long" }));
    const session = stored(storage);
    assert.equal(await bearer(session), "long");
    route.answer = async (path, { token }) => (assert.equal(token, "long"), answered({ ...login, token: "longer" }));
    await session.login([]);
    assert.equal(session.read().refresh, "r1");
    assert.equal(session.read().token, undefined);
  },

  async "a route of before gives one token, which is kept"() {
    const session = Session.of({ user: alice, name: "alice", device: "web", token: "long" }, new Store(new Storage()));
    assert.equal(await bearer(session), "long");
  },

  async "a session that another one took the place of is over, and left alone"() {
    const storage = new Storage(), used = replacing();
    const one = Session.of(login, new Store(storage));
    await clock.pass(600_000);
    Session.of({ ...login, user: bob, refresh: "b1" }, new Store(storage));
    await assert.rejects(bearer(one), { code: codes.unauthorized });
    one.forget();
    assert.equal(stored(storage).user, bob);
    assert.deepEqual(used, []);
  },

  async "a session that was left still logs out"() {
    const storage = new Storage(), used = replacing();
    const session = Session.of(login, new Store(storage));
    await clock.pass(600_000);
    session.forget();
    assert.equal(storage.length, 0);
    assert.equal(await bearer(session), "a2");
    assert.deepEqual(used, ["r1"]);
    assert.equal(storage.length, 0);
  },

  async "a storage that is full has no token that was replaced"() {
    const storage = new Storage(), used = replacing();
    const session = Session.of(login, new Store(storage));
    storage.room = 0;
    for (let i = 0; i < 2; i++) {
      await clock.pass(600_000);
      await bearer(session);
    }
    assert.deepEqual(used, ["r1", "r2"]);
    assert.equal(storage.length, 0);
  },

  async "messages beyond those on the screen are known when a log is read again"() {
    const stored = Array.from({ length: 1200 }, (_, i) => entry(i + 1, "m" + i));
    let lost = false;
    route.answer = async (path, { after }) => {
      lost &&= after.number > 0;
      if (lost) return answered({ code: codes.diverged }, 409);
      const messages = stored.filter((m) => m.at.number > after.number).slice(0, 500);
      const newest = stored.at(-1).at;
      return answered({ epoch, oldest: 1, newest, messages, through: messages.at(-1)?.at ?? newest });
    };
    const history = tab(new Storage());
    history.hold();
    await chatOf(history).pullFrom(0);
    assert.equal(history.talks[bob].unread, 1200);
    history.talks[bob].unread = 0;
    history.save();
    lost = true;
    const reloaded = tab(history.storage);
    reloaded.hold();
    const chat = chatOf(reloaded);
    await chat.pullFrom(0);
    assert.equal(reloaded.talks[bob].unread, 0);
    assert.deepEqual(chat.toConfirm, []);
    assert.equal(reloaded.positions[0].number, 1200);
  },

  async "a failed read is tried again without a push"() {
    let tries = 0;
    route.answer = async () => (++tries < 3 ? answered({ code: codes.unavailable }, 503) : answered({ epoch, oldest: 1, newest: entry(1, "a").at, messages: [entry(1, "a")], through: entry(1, "a").at }));
    const history = tab(new Storage());
    const chat = chatOf(history);
    chat.read(null, { cmd: "newest", newest: [entry(1, "a").at] });
    await clock.pass(60_000);
    assert.equal(history.talks[bob]?.messages.length, 1);
  },

  async "a gap is read although pushes go on"() {
    let pulls = 0;
    route.answer = async () => { pulls++; return answered({ code: codes.unavailable }, 503); };
    const history = tab(new Storage());
    history.positions[0] = entry(1, "a").at;
    const chat = chatOf(history);
    for (let n = 3; n < 10; n++) {
      chat.read(null, { cmd: "message", ...entry(n, "m" + n), prev: "7:m" + (n - 1) });
      await clock.pass(20);
    }
    assert.ok(pulls > 0);
  },

  async "two tabs do not overwrite each other's unsent messages"() {
    const storage = new Storage();
    const one = chatOf(tab(storage)), two = chatOf(tab(storage));
    connect(one);
    one.link.send = () => false; // the way out is stuck
    one.say(String(bob), "typed in one");
    two.say(String(bob), "typed in two");
    one.say(String(bob), "typed in one again");
    assert.deepEqual(texts(tab(storage)).sort(), ["typed in one", "typed in one again", "typed in two"]);
    assert.ok(texts(tab(storage)).indexOf("typed in one") < texts(tab(storage)).indexOf("typed in one again"));
  },

  async "a tab that was replaced writes no old state"() {
    const storage = new Storage();
    const one = chatOf(tab(storage));
    connect(one);
    one.receive(entry(1, "a"));
    const two = chatOf(tab(storage));
    connect(two);
    two.receive({ ...entry(2, "b"), prev: "7:a" });
    two.say(String(bob), "typed in two");
    one.history.talk(String(bob)).unread = 0;
    one.history.save(); // a click
    const reloaded = tab(storage);
    assert.equal(reloaded.positions[0].number, 2);
    assert.deepEqual(reloaded.talks[bob].messages.map((m) => m.id), ["a", "b"]);
    assert.deepEqual(texts(reloaded), ["typed in two"]);
  },

  async "a tab that takes over goes on where the other one got to"() {
    const storage = new Storage();
    const one = chatOf(tab(storage)), two = chatOf(tab(storage)); // two was loaded before one read anything
    connect(one);
    one.receive(entry(1, "a"));
    one.say(String(bob), "typed in one");
    const l = connect(two);
    assert.equal(two.history.positions[0].number, 1);
    assert.deepEqual(l.sent.filter((f) => f.cmd === "send").map((f) => f.text), ["typed in one"]);
    two.receive({ ...entry(2, "b"), prev: "7:a" });
    assert.deepEqual(tab(storage).talks[bob].messages.map((m) => m.id), ["a", "b"]);
  },

  async "what a replaced tab is given to send is sent by the other"() {
    const storage = new Storage();
    const one = chatOf(tab(storage)), two = chatOf(tab(storage));
    connect(one);
    const l = connect(two);
    one.link = null;
    one.say(String(bob), "typed in the replaced tab");
    two.adopt(); // the storage event
    const frame = l.sent.find((f) => f.cmd === "send");
    assert.equal(frame?.text, "typed in the replaced tab");
    accept(two, frame, 1);
    one.adopt();
    assert.deepEqual(texts(one.history), []);
    assert.deepEqual(texts(tab(storage)), []);
  },

  async "a message that was sent by both tabs leaves nothing behind"() {
    const storage = new Storage();
    const one = chatOf(tab(storage));
    const first = connect(one);
    one.say(String(bob), "hello");
    const two = chatOf(tab(storage));
    const second = connect(two);
    const [a] = first.sent.filter((f) => f.cmd === "send"), [b] = second.sent.filter((f) => f.cmd === "send");
    assert.equal(a.id, b.id);
    assert.equal(b.again, true);
    accept(two, b, 1);
    accept(one, a, 1);
    one.adopt();
    const reloaded = tab(storage);
    assert.deepEqual(texts(reloaded), []);
    assert.equal(reloaded.talks[bob].messages.length, 1);
  },

  async "a push of an own message that overtakes its answer holds nothing up"() {
    const chat = chatOf(tab(new Storage()));
    const l = connect(chat);
    chat.say(String(bob), "first");
    const [frame] = l.sent.filter((f) => f.cmd === "send");
    chat.receive({ from: alice, fromName: "alice", to: bob, id: frame.id, text: "first", time: 1, at: { log: 0, epoch, number: 1 } });
    chat.adopt(); // another tab's storage event
    accept(chat, frame, 1);
    chat.say(String(bob), "second");
    assert.deepEqual(l.sent.filter((f) => f.cmd === "send").map((f) => f.text), ["first", "second"]);
  },

  async "a message that is in the history does not wait to be sent any more"() {
    const storage = new Storage();
    const one = chatOf(tab(storage));
    connect(one);
    one.say(String(bob), "hello");
    const [m] = one.history.outbox;
    one.history.add(m, false);
    one.history.save(); // and the browser ends here
    assert.deepEqual(texts(tab(storage)), []);
    assert.equal([...storage.map.keys()].filter((k) => k.startsWith("cim.outbox.")).length, 0);
  },

  async "unsent messages of a page of before are taken over"() {
    const storage = new Storage();
    const old = { id: "x1", from: alice, fromName: "alice", to: bob, text: "typed before", time: 1 };
    storage.setItem("cim.history." + alice, JSON.stringify({ positions: { 0: entry(3, "c").at }, talks: {}, outbox: [old] }));
    const history = tab(storage);
    assert.deepEqual(texts(history), ["typed before"]);
    assert.deepEqual(history.trail(0), [entry(3, "c").at]);
    history.hold();
    history.save();
    assert.deepEqual(texts(tab(storage)), ["typed before"]);
  },

  async "a full storage loses old texts, not unsent messages nor the position"() {
    const storage = new Storage(40_000);
    const history = tab(storage);
    const chat = chatOf(history);
    connect(chat).send = () => false;
    for (let n = 1; n <= 600; n++) chat.receive({ ...entry(n, "m" + n), prev: n > 1 ? "7:m" + (n - 1) : "" });
    chat.say(String(bob), "unsent");
    const reloaded = tab(storage);
    assert.equal(reloaded.positions[0].number, 600);
    assert.deepEqual(texts(reloaded), ["unsent"]);
    assert.ok(reloaded.talks[bob].messages.length > 10);
  },
};

claims["a text that no node takes is refused before it ends the connection, and holds nothing up"] = async () => {
  const chat = chatOf(tab(new Storage()));
  const l = connect(chat);
  chat.say(String(bob), '"'.repeat(70_000));
  chat.say(String(bob), '"'.repeat(65_535));
  assert.deepEqual(l.sent.filter((f) => f.cmd === "send").map((f) => f.text.length), [65_535]);
  assert.match(chat.history.outbox[0].failed, /too long/);
};

const session = { user: alice, name: "alice", device: "web-1", token: "t" };
const kept = (storage) => Array.from({ length: storage.length }, (_, i) => storage.key(i)).sort();

claims["nothing is kept after leaving, whatever comes late"] = async () => {
  const storage = new Storage(), store = new Store(storage);
  storage.setItem("other.app", "stays");
  store.device();
  store.remember(session);
  new History(bob, storage).enqueue({ id: "b", from: bob, to: alice, text: "of a user before", time: 1 });
  const history = tab(storage), chat = chatOf(history);
  const l = connect(chat);
  chat.receive(entry(1, "m1"));
  chat.say(String(bob), "unsent");
  assert.ok(kept(storage).length >= 6, kept(storage));
  let loggedOutWith;
  route.answer = async (path) => {
    loggedOutWith = path;
    return answered({});
  };
  store.wipe();
  await chat.leave();
  chat.receive({ ...entry(2, "m2"), prev: "7:m1" });
  accept(chat, l.sent.find((f) => f.cmd === "send"), 3);
  chat.delivered({ id: "x", to: bob });
  await clock.pass(60_000);
  assert.match(loggedOutWith, /logout/);
  assert.deepEqual(kept(storage), ["other.app"]);
};

claims["a session that is none is dropped with all that was kept, and said so"] = async () => {
  const bad = ["", "{", "null", "[]", "5", '"alice"', "{}", JSON.stringify({ ...session, user: "42" }), JSON.stringify({ ...session, user: 2 ** 60 }),
    JSON.stringify({ ...session, device: "../x" }), JSON.stringify({ ...session, token: "" }), JSON.stringify({ ...session, name: 5 })];
  for (const text of bad) {
    const storage = new Storage(), store = new Store(storage);
    storage.setItem("cim.session", text);
    storage.setItem("cim.history." + alice, "{}");
    storage.setItem("other.app", "stays");
    assert.deepEqual(store.session(), { session: null, dropped: true }, text);
    assert.deepEqual(kept(storage), ["other.app"], text);
    assert.deepEqual(store.session(), { session: null, dropped: false }, text);
  }
  const store = new Store(new Storage());
  store.remember({ ...session, more: "is left out" });
  assert.deepEqual(store.session(), { session, dropped: false });
};

claims["a history that is none is dropped, and said so"] = async () => {
  const talk = { title: "bob", unread: 0, messages: [{ id: "1", from: bob, text: "hi", time: 1 }] };
  const bad = ["{", "5", "[]", '{"talks":5}', '{"talks":{"7":null}}', '{"talks":{"7":{"messages":5}}}', '{"talks":{"7":{"messages":[null]}}}', '{"positions":[]}',
    '{"positions":{"0":{"log":0,"number":"5","epoch":"a"}}}', '{"trails":{"0":5}}', '{"outbox":{}}', JSON.stringify({ talks: { 7: { ...talk, title: {} } } })];
  for (const text of bad) {
    const storage = new Storage();
    storage.setItem("cim.history." + alice, text);
    const history = tab(storage);
    assert.ok(history.dropped, text);
    assert.deepEqual([history.talks, history.positions, kept(storage)], [{}, {}, []], text);
  }
  const storage = new Storage();
  storage.setItem("cim.history." + alice, JSON.stringify({ talks: { 7: talk }, positions: { 0: { log: 0, epoch, number: 1 } } }));
  storage.setItem("cim.outbox.42.x", "{}");
  storage.setItem("cim.outbox.42.y", JSON.stringify({ id: "y", from: alice, to: bob, text: "unsent", time: 1 }));
  const history = tab(storage);
  assert.ok(history.dropped);
  assert.deepEqual(texts(history), ["unsent"]);
  assert.equal(history.talks[7].messages.length, 1);
  assert.equal(tab(storage).dropped, false);
};

claims["what was kept for another user goes when one logs in"] = async () => {
  const storage = new Storage(), store = new Store(storage);
  for (const user of [alice, bob]) {
    const history = new History(user, storage);
    history.hold();
    history.talk("everyone", "Everyone");
    history.save();
  }
  assert.equal(store.keepOnly(alice), true);
  assert.deepEqual(kept(storage), ["cim.history.42", "cim.holder.42"]);
  assert.equal(store.keepOnly(alice), false);
};

claims["a browser that keeps nothing still has a page"] = async () => {
  for (const from of [() => { throw new Error("SecurityError"); }, () => undefined, () => null]) {
    const storage = browserStorage(from);
    assert.ok(storage instanceof Memory);
    const store = new Store(storage);
    store.remember(session);
    assert.equal(store.session().session.user, alice);
    assert.match(store.device(), /^web-[0-9a-f]{12}$/);
  }
  const full = new Store(new Storage(0));
  full.remember(session);
  assert.match(full.device(), /^web-/);
};

claims["another tab's logout is noticed"] = async () => {
  assert.ok(loggedOut({ key: "cim.session", newValue: null }) && loggedOut({ key: null, newValue: null }));
  assert.ok(!loggedOut({ key: "cim.session", newValue: "{}" }) && !loggedOut({ key: "cim.outbox.42.x", newValue: null }));
};

claims["a token that is handed over leaves the address at once"] = async () => {
  const visit = (hash) => {
    const left = [];
    const token = takeToken({ hash, pathname: "/chat/", search: "?theme=dark" }, { replaceState: (_, __, at) => left.push(at) });
    return [token, left];
  };
  assert.deepEqual(visit("#jwt=a.b-_.c"), ["a.b-_.c", ["/chat/?theme=dark"]]);
  assert.deepEqual(visit("#from=mail&jwt=a.b.c%20"), ["a.b.c", ["/chat/?theme=dark"]]);
  assert.deepEqual(visit("#jwt="), ["", ["/chat/?theme=dark"]]);
  assert.deepEqual(visit("#everyone"), ["", []]);
  assert.deepEqual(visit(""), ["", []]);
};

claims["a link does not turn one user into another one without a question"] = async () => {
  const asked = [];
  const no = (text) => (asked.push(text), false);
  assert.ok(mayReplace(null, { user: bob, name: "bob" }, no));
  assert.ok(mayReplace({ user: bob, name: "bob" }, { user: bob, name: "bob" }, no));
  assert.equal(asked.length, 0);
  assert.ok(!mayReplace({ user: alice, name: "alice" }, { user: bob, name: "bob" }, no));
  assert.match(asked[0], /alice.*bob/);
  assert.ok(mayReplace({ user: alice, name: "alice" }, { user: bob, name: "bob" }, () => true));
};

let failed = 0;
for (const [claim, holds] of Object.entries(claims)) {
  try {
    clock.timers.clear();
    await holds();
  } catch (err) {
    failed++;
    console.log(claim + ": " + err.stack);
  }
}
console.log(`${Object.keys(claims).length} claims, ${failed} failed`);
process.exit(failed ? 1 : 0);
