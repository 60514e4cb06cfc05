// One tab of the page, without a document: node runner.mjs '{"route","name","password","device","storage"}'
//
// It uses the page's modules as main.js does. On stdout it writes what it shows and
// the answers that it gets, each as a record of the ledger in a line. On stdin it takes
// commands, each in a line: {"say": text, "to": conversation, "id": ...}, {"do": "cut", "tear",
// "mute", "slow", "fast" or "quit"}. It may be ended between any two turns of the event
// loop, like a tab that crashes. All that it has shown is in the storage and on stdout.

import { createInterface } from "node:readline";
import { install, network } from "./browser.mjs";

const { route, name, password, device, storage } = JSON.parse(process.argv[2]);
install(route, storage);
const api = await import("./api.js");
const { Chat } = await import("./chat.js");
const { History } = await import("./history.js");
const { Session } = await import("./session.js");
const { Store } = await import("./store.js");

const store = new Store();
const again = 1_000; // ms until somebody whom the page sent to its door logs in again
const changes = { 2: "join", 3: "leave" };

const tell = (record) => process.stdout.write(JSON.stringify(record) + "\n"); // a pipe: it is written when this returns
const placeOf = (at) => at && { log: at.log ?? 0, epoch: at.epoch, number: at.number };

let chat = null;
let nextID = "";
const unsaid = []; // what was typed while the page showed its door

// begin does what main.js does, but writes to the ledger instead of a view.
function begin(session, answer) {
  const history = new History(session.user);
  const typed = new Set(history.outbox.map((m) => m.id));
  let fresh = [];

  const add = history.add.bind(history);
  history.add = (m, unread) => {
    const added = add(m, unread);
    if (added && m.at) fresh.push(m); // what is sent has no place before it is answered
    return added;
  };
  const enqueue = history.enqueue.bind(history);
  history.enqueue = (m) => {
    m.id = nextID;
    typed.add(m.id);
    enqueue(m);
  };
  const flush = () => {
    const shown = fresh;
    fresh = [];
    for (const m of shown) {
      if (m.from === session.user && typed.has(m.id)) {
        tell({ kind: "accepted", id: m.id, at: placeOf(m.at) });
        continue;
      }
      const change = changes[m.kind];
      tell({ kind: "shown", id: m.id, from: m.from, to: m.to, group: m.group, text: change ? undefined : m.text, change, at: placeOf(m.at) });
    }
  };

  const mine = new Chat(session, history, {
    changed: flush,
    regrouped() {},
    state(kind) {
      if (kind === "good") tell({ kind: "back", node: mine.link.node.id });
    },
    ended() {
      session.forget();
      chat = null;
      setTimeout(enter, again);
    },
  });
  const stay = mine.stay.bind(mine);
  mine.stay = async (answer) => {
    try {
      return await stay(answer);
    } finally {
      tell({ kind: "away" });
    }
  };
  const sent = mine.sent.bind(mine);
  mine.sent = (frame) => {
    sent(frame);
    if (!frame.code) tell({ kind: "accepted", id: frame.id, at: placeOf(frame.at) });
    else if (api.retryOf(frame.code) === "never") tell({ kind: "refused", id: frame.id, note: `${frame.code} ${frame.text}` });
  };
  const delivered = mine.delivered.bind(mine);
  mine.delivered = (frame) => {
    delivered(frame);
    tell({ kind: "marked", id: frame.id, to: frame.to });
  };
  chat = mine;
  chat.run(answer);
  for (const m of unsaid.splice(0)) say(m);
}

async function enter() {
  try {
    const answer = await api.login({ name, password, device });
    begin(Session.of(answer, store), answer);
  } catch {
    setTimeout(enter, again);
  }
}

function say(command) {
  if (!chat) return unsaid.push(command);
  nextID = command.id;
  chat.say(command.to, command.say);
}

const commands = {
  cut: network.cut,
  tear: network.tear,
  mute: network.mute,
  slow: () => (network.slow = true),
  fast: () => (network.slow = false),
  quit() {
    for (const m of unsaid) tell({ kind: "unknown", id: m.id, note: "the tab was closed at its door" });
    process.exit();
  },
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    if (command.do) commands[command.do]();
    else say(command);
  })
  .on("close", commands.quit); // nobody is there any more

const { session } = store.session();
if (session) begin(new Session(session, store));
else enter();
