// A chat: it reads, sends and reconnects. It changes the history, and calls three
// functions of the view: changed(), state(kind, text), and regrouped() after the user
// has joined or left a group.

import * as api from "./api.js";
import { everyone, isShown, keyOf } from "./history.js";
import { Link } from "./link.js";
import { Follower, start } from "./order.js";

const ackPause = 5_000; // ms between two acknowledgements
const confirmPause = 100; // ms between two acknowledgements for which senders wait
const confirmMax = 100; // the most messages that one acknowledgement confirms
const longestPause = 15_000; // ms between two tries to reconnect
const longestFrame = 2 * 65535 + 4096; // bytes; a node closes the connection after a longer frame

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
export const newID = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");

// entriesOf returns the messages of a page as entries, and behind them the last place
// that the page has read.
function entriesOf(page) {
  const entries = page.messages.map((m) => ({ at: { ...m.at, key: keyOf(m) }, message: m }));
  return page.through.number > 0 ? [...entries, { at: page.through }] : entries;
}

export class Chat {
  constructor(session, history, view) {
    this.session = session;
    this.history = history;
    this.view = view;
    this.link = null;
    this.avoid = [];
    this.failures = 0;
    this.logs = new Map(); // log -> {follower, failures, timer, at}; at is when to read, in ms
    this.acked = 0; // when positions were last acknowledged
    this.toConfirm = []; // keys of shown messages whose senders want a delivery mark
    this.inFlight = new Map(); // the message that is being sent, by conversation
    this.stopped = false;
    this.current = "everyone";
  }

  // run keeps the chat connected until stop is called, or until a code forbids to
  // reconnect. The parameter first is the answer to a login that was just made, or nothing.
  async run(first) {
    for (let answer = first; !this.stopped; answer = null) {
      let code;
      try {
        answer ??= await this.session.login(this.avoid);
        code = await this.stay(answer);
      } catch (err) {
        code = err.code ?? api.codes.unavailable;
      }
      if (this.stopped) return;
      if (api.retryOf(code) === "never") {
        this.stopped = true;
        this.view.ended(code);
        return;
      }
      this.view.state("bad", "Connecting again…");
      await sleep(this.pauseAfter(code));
    }
  }

  // pauseAfter returns a random pause, which grows with the number of failures in a row.
  // So the users of a dead node do not all reconnect at the same moment.
  pauseAfter(code) {
    const most = api.retryOf(code) === "now" && this.failures <= 1 ? 500 : Math.min(longestPause, 500 * 2 ** this.failures);
    return Math.random() * most;
  }

  // stay connects to the node that the answer names. When that connection has ended, it
  // returns the code.
  async stay(answer) {
    this.failures++;
    const { code, opened } = await this.open(answer.node, answer.ticket);
    // A node that this client left, or never reached, is not tried again at once.
    this.avoid = opened ? [answer.node.id] : [...this.avoid, answer.node.id].slice(-8);
    return code;
  }

  open(node, ticket) {
    return new Promise((done) => {
      let opened = false;
      const link = new Link(node, ticket, {
        opened: (frame) => {
          opened = true;
          this.take(link, frame);
        },
        frame: (frame) => this.read(link, frame, done),
        closed: (code) => {
          if (this.link === link) this.link = null;
          if (!link.moved) done({ code, opened });
        },
      });
      this.link ??= link;
    });
  }

  // take uses the given link from now on, and closes the link before it.
  take(link, frame) {
    const old = this.link;
    this.link = link;
    if (old && old !== link) old.close();
    this.failures = 0;
    this.avoid = [];
    this.view.state("good", "Connected");
    if (this.history.hold()) this.unfollow(); // another tab had written the history
    this.learn(frame.newest ?? [], frame.cursors ?? []);
    this.finish(frame.newest ?? [], frame.cursors ?? []);
    this.inFlight.clear();
    for (const m of this.history.outbox) m.again = true;
    this.sendNext();
    if (this.toConfirm.length) this.ackSoon();
  }

  read(link, frame, done) {
    switch (frame.cmd) {
      case "message": return this.receive(frame);
      case "delivered": return this.delivered(frame);
      case "newest": return this.learn(frame.newest ?? [], []);
      case "send-answer": return this.sent(frame);
      case "redirect": return this.move(link, { id: frame.node, address: frame.nodeAddress, tls: frame.tls ?? false, path: frame.nodePath }, frame.ticket, done);
      case "error": return this.view.state("bad", frame.text || "The node refused a message.");
    }
  }

  // move connects to the other node that a draining node names. The client reads both
  // connections until the new one is confirmed. If the new connection fails, the client
  // stays with the old one.
  async move(link, node, ticket, done) {
    link.moved = true;
    const outcome = await this.open(node, ticket);
    if (outcome.opened || link.over) return done(outcome);
    link.moved = false;
  }

  // learn notes where logs end, and begins to follow the logs that are new to the page.
  learn(newest, cursors) {
    for (const end of newest) this.mayLag(end, cursors.find((c) => c.log === end.log));
  }

  mayLag(end, cursor) {
    const l = this.follow(end.log, cursor, end);
    l.follower.observe(end);
    this.readSoon(l);
  }

  // finish reads the logs of groups that a login's answer does not name any more, up to
  // their ends. The user has left these groups, and this page was not told.
  finish(newest, cursors) {
    const named = new Set(newest.map((p) => p.log));
    for (const c of cursors) {
      if (c.log > everyone && !named.has(c.log)) this.follow(c.log, c);
    }
    for (const log of this.logs.keys()) {
      if (log > everyone && !named.has(log)) this.pullFrom(log);
    }
  }

  // follow returns the state of a followed log. A new log is followed from the position in
  // the history, or from the cursor if the history has none.
  follow(log, cursor, end) {
    let l = this.logs.get(log);
    if (l) return l;
    const kept = this.history.trail(log);
    const known = start(kept, cursor, end, log === everyone);
    l = { follower: new Follower(log, known), failures: 0, timer: 0, at: 0 };
    this.logs.set(log, l);
    if (!kept.length && known.length) {
      this.history.stand(known[0]); // a reload goes on from here
      this.history.save();
    }
    return l;
  }

  unfollow() {
    for (const l of this.logs.values()) clearTimeout(l.timer);
    this.logs.clear();
  }

  // receive handles a message that was pushed.
  receive(m) {
    const before = { log: m.at.log, epoch: m.at.epoch, number: m.at.number - 1, key: m.prev };
    const joining = m.kind === 2 && m.from === this.session.user; // this user may read no earlier entries
    const l = this.follow(m.at.log, joining ? before : undefined, before);
    this.offer(l, m);
  }

  offer(l, m) {
    this.show(l.follower.push({ at: { ...m.at, key: keyOf(m) }, prev: m.prev, message: m }));
    this.readSoon(l);
  }

  // show adds entries to the history, in their order, with their positions.
  show(entries) {
    if (!entries.length) return;
    for (const { at, message: m } of entries) {
      this.history.stand(at);
      if (!m || !isShown(m)) continue;
      const others = m.from !== this.session.user;
      const fresh = this.history.add(m, others && (document.hidden || this.history.talkOf(m) !== this.current));
      if (fresh && others && m.confirm && !m.group && !m.kind) this.toConfirm.push(keyOf(m));
    }
    this.history.save();
    this.ackSoon();
    this.view.changed();
    if (entries.some(({ message: m }) => m?.kind && m.from === this.session.user)) this.view.regrouped();
  }

  // readSoon reads a log as soon as its follower needs a page.
  readSoon(l) {
    const due = l.follower.due();
    if (due === undefined || this.stopped) return;
    const pause = l.failures ? Math.random() * Math.min(longestPause, 500 * 2 ** l.failures) : 0;
    const at = performance.now() + Math.max(due, pause);
    if (l.timer && l.at <= at) return;
    clearTimeout(l.timer);
    l.at = at;
    l.timer = setTimeout(() => this.readAll(l), Math.max(due, pause));
  }

  // pullFrom reads a log from the last known position.
  pullFrom(log) {
    const l = this.follow(log);
    l.follower.doubt();
    return this.readAll(l);
  }

  // readAll reads page after page, as long as more entries are known to exist.
  async readAll(l) {
    clearTimeout(l.timer);
    l.timer = 0;
    while (l.follower.due() !== undefined && (await this.readPage(l)));
    if (this.logs.get(l.follower.last.log) === l) this.readSoon(l);
  }

  // readPage reads one page and returns whether to go on at once.
  async readPage(l) {
    const { follower } = l;
    const { log } = follower.last;
    const page = await this.session.call((token) => api.pull(token, follower.ask())).catch((err) => err);
    if (this.logs.get(log) !== l) return false;
    switch (page.code) {
      case undefined: {
        const ready = follower.page(entriesOf(page), page.newest);
        if (!ready) break;
        this.show(ready);
        l.failures = 0;
        return follower.due() === 0;
      }
      case api.codes.notMember:
      case api.codes.unknownGroup:
        if (!follower.refused()) return true;
        this.logs.delete(log);
        return false;
      case api.codes.diverged:
        if (follower.diverged(this.history.trail(log))) return true;
        break;
      default:
        follower.failed();
    }
    l.failures++;
    return false;
  }

  // ackSoon acknowledges what was shown: every few seconds, or at once if a sender
  // wants to know.
  ackSoon() {
    const pause = this.toConfirm.length ? confirmPause : ackPause;
    clearTimeout(this.ackTimer);
    this.ackTimer = setTimeout(() => this.ack(), Math.max(0, this.acked + pause - Date.now()));
  }

  ack() {
    const cursors = [...this.logs.keys()].map((log) => this.history.positions[log]).filter((p) => p?.number > 0);
    const shown = this.toConfirm.slice(0, confirmMax);
    if (!cursors.length || !this.link?.confirmed || !this.link.send({ cmd: "ack", cursors, shown })) return;
    this.acked = Date.now();
    this.toConfirm.splice(0, shown.length);
    if (this.toConfirm.length) this.ackSoon();
  }

  // delivered marks a message of this user that was shown to its receiver.
  delivered({ id, to }) {
    const talk = String(to);
    const ours = [...(this.history.talks[talk]?.messages ?? []), ...this.history.outbox];
    const m = ours.find((m) => m.id === id && m.from === this.session.user && this.history.talkOf(m) === talk);
    if (!m || m.shown) return;
    m.shown = true;
    if (this.history.outbox.includes(m)) this.history.put(m);
    this.history.save();
    this.view.changed();
  }

  // say queues a text for a conversation. The text is kept until the server has it.
  say(talk, text) {
    const m = { id: newID(), from: this.session.user, fromName: this.session.name, text, time: Date.now() };
    if (talk === "everyone") m.group = everyone;
    else if (talk.startsWith("g")) m.group = Number(talk.slice(1));
    else m.to = Number(talk);
    this.history.enqueue(m);
    this.view.changed();
    this.sendNext();
  }

  // adopt takes over messages that another tab has queued, and sends them if this tab
  // is connected.
  adopt() {
    this.history.adopt();
    this.view.changed();
    this.sendNext();
  }

  // sendNext sends the first message of every conversation of which no message is being
  // sent. So messages keep their order, even if one fails.
  sendNext() {
    if (!this.link?.confirmed) return;
    for (const m of this.history.outbox) {
      const talk = this.history.talkOf(m);
      if (m.failed || this.inFlight.has(talk)) continue;
      const frame = { cmd: "send", id: m.id, text: m.text, again: m.again };
      if (m.group) frame.group = m.group;
      else Object.assign(frame, { to: m.to, confirm: true });
      if (new TextEncoder().encode(JSON.stringify(frame)).length > longestFrame) {
        m.failed = "The text is too long. Send it in parts.";
        this.history.put(m);
        this.view.changed();
        continue;
      }
      if (!this.link.send(frame)) return;
      this.inFlight.set(talk, m.id);
    }
  }

  sent(frame) {
    const m = this.history.outbox.find((m) => m.id === frame.id);
    if (!m) return this.release(frame.id); // it was pushed first, and is in the history already
    if (frame.code && api.retryOf(frame.code) !== "never") {
      m.again = true;
      setTimeout(() => this.release(m.id), 1000 + Math.random() * 1000);
      return;
    }
    if (frame.code) {
      m.failed = frame.text || "Not sent.";
      this.history.put(m);
    } else {
      this.history.add({ ...m, time: frame.time }, false);
      this.history.save();
      this.history.dequeue(m);
      const l = this.logs.get(frame.at?.log); // otherwise the node will push it
      if (l) this.offer(l, { ...m, time: frame.time, at: frame.at, prev: frame.prev });
    }
    this.view.changed();
    this.release(m.id);
  }

  release(id) {
    for (const [talk, sent] of this.inFlight) if (sent === id) this.inFlight.delete(talk);
    this.sendNext();
  }

  // leave logs out. From the call on, nothing more is shown or kept.
  async leave() {
    this.stop();
    await this.session.call(api.logout);
  }

  // stop ends the chat without a logout.
  stop() {
    this.stopped = true;
    clearTimeout(this.ackTimer);
    this.unfollow();
    this.link?.close();
    this.history.close();
  }
}
