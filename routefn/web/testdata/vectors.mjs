// Plays the rules of a log's order with the page: node vectors.mjs FILE...

import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { answered, clock, install, link, route, settle, Storage, view } from "./browser.mjs";

install();
const { codes } = await import("../page/api.js");
const { Chat } = await import("../page/chat.js");
const { History } = await import("../page/history.js");
const { Session } = await import("../page/session.js");
const { Store } = await import("../page/store.js");

const self = 42;
const kinds = { join: 2, leave: 3, hidden: 99 };

function position(log, text) {
  const [place] = text.split(" ");
  const [epoch, number, key] = place.split("/");
  return number ? { log, epoch: epoch.padStart(16, "0"), number: Number(number), key } : { log, epoch: "", number: 0 };
}

function message(log, text) {
  const at = position(log, text);
  const [from, id] = at.key.split(":");
  const m = { from: Number(from), fromName: "user " + from, id, text: "text", time: 1, at, kind: kinds[text.split(" ")[1]] };
  return log === 0 ? { ...m, to: self } : { ...m, group: log };
}

function pushed(log, step) {
  const m = message(log, step.push);
  const { key, ...at } = m.at; // a frame's position has none
  return { cmd: "message", ...m, at, prev: step.prev || undefined };
}

async function play({ log, known, steps }) {
  globalThis.localStorage = new Storage();
  clock.timers.clear();
  let asked = [], waiting = [];
  route.answer = (path, { after }) => {
    asked.push(after);
    return new Promise((done) => waiting.push(done));
  };
  const history = new History(self);
  history.hold();
  for (const text of known) {
    history.add(message(log, text), false);
    history.stand(position(log, text));
  }
  history.save();
  const session = Session.of({ user: self, name: "alice", device: "web", access: "a", accessSeconds: 600, refresh: "r" }, new Store(new Storage()));
  const chat = new Chat(session, history, view);
  let shown = [];
  const add = history.add.bind(history);
  history.add = (m, unread) => add(m, unread) && shown.push(m.from + ":" + m.id) > 0;

  for (const [i, step] of steps.entries()) {
    [asked, shown] = [[], []];
    const answer = waiting.shift();
    if (answer && !step.page && !step.refused) waiting.unshift(answer);
    if (step.login) {
      const places = (list) => list.map((p) => position(log, p));
      chat.take(link(), { newest: places(step.login.newest), cursors: places(step.login.cursors) });
    } else if (step.push) {
      chat.read(null, pushed(log, step));
    } else if (step.newest) {
      chat.read(null, { cmd: "newest", newest: [position(log, step.newest)] });
    } else if (step.page) {
      const { oldest, newest, messages, through } = step.page;
      const end = position(log, through ?? messages.at(-1) ?? "0");
      answer(answered({ epoch: end.epoch, oldest, newest: position(log, newest), messages: messages.map((m) => message(log, m)), through: end }));
    } else if (step.refused) {
      answer(answered({ code: step.refused === "diverged" ? codes.diverged : codes.notMember }, 409));
    }
    await clock.pass(step.wait ? 200 : 0);
    const want = { show: step.show ?? [], pull: step.pull ? [position(log, step.pull)] : [] };
    const got = { show: shown, pull: asked };
    if (step.at) [want.at, got.at] = [position(log, step.at), history.positions[log]];
    // What was shown must be what a reload finds.
    if (step.at) [want.kept, got.kept] = [position(log, step.at), new History(self).positions[log]];
    if (!isDeepStrictEqual(JSON.parse(JSON.stringify(got)), want)) {
      return `step ${i + 1}: ${JSON.stringify(step)}\n    got  ${JSON.stringify(got)}\n    want ${JSON.stringify(want)}`;
    }
  }
}

let failed = 0, played = 0;
for (const file of process.argv.slice(2)) {
  for (const rule of JSON.parse(readFileSync(file))) {
    if (rule.for && !rule.for.includes("page")) continue;
    const wrong = await play(rule);
    played++;
    if (!wrong) continue;
    failed++;
    console.log(`${rule.name}: ${wrong}`);
  }
}
console.log(`${played} played, ${failed} failed`);
process.exit(failed ? 1 : 0);
