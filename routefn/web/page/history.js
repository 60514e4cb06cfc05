// The history: what the page has shown, kept in the browser's local storage. One entry
// has the messages by conversation and the positions in the logs, so that one write
// changes both.
//
// All tabs share the storage. Only the connected tab writes the history; it "holds" it.
// Each message that waits to be sent has an entry of its own. So any tab may add a
// message, and none overwrites the message of another tab.

import { browserStorage, isHistory, isKept } from "./store.js";

const kept = 500; // messages per conversation
const recent = 64; // positions of a log, from which to go on if the end of the log was lost
const chunks = 32, perChunk = 2048; // marks of messages whose texts were removed: 65,536

export const everyone = 1; // the group of everyone
const happenings = { 2: ["joined the group", "was added to the group"], 3: ["left the group", "was removed from the group"] }; // by the kind of message; a text has no kind
export const isShown = (m) => !m.kind || m.kind in happenings;
export const keyOf = (m) => m.from + ":" + m.id;

// markOf returns a hash of a key, of 53 bits. The hash takes eleven letters, the key 40.
function markOf(key) {
  let a = 0xdeadbeef, b = 0x41c6ce57;
  for (let i = 0; i < key.length; i++) {
    const c = key.charCodeAt(i);
    a = Math.imul(a ^ c, 2654435761);
    b = Math.imul(b ^ c, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return (4294967296 * (2097151 & b) + (a >>> 0)).toString(36).padStart(11, "0");
}
const markLength = 11;

const parse = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

export class History {
  constructor(user, storage = browserStorage()) {
    this.user = user;
    this.storage = storage;
    this.entry = "cim.history." + user;
    this.holder = "cim.holder." + user;
    this.waiting = "cim.outbox." + user + ".";
    this.faded = "cim.marks." + user + ".";
    this.tab = Math.random().toString(36).slice(2) + Date.now().toString(36);
    this.positions = {}; // up to where each log was shown
    this.talks = {};
    this.outbox = []; // in the order in which they were typed
    this.dropped = false; // whether something was not readable
    this.load();
  }

  load() {
    const stored = this.read(this.entry, isHistory) ?? {};
    const open = this.talks; // a conversation may be on the screen before it has messages
    this.talks = stored.talks ?? {};
    for (const [name, talk] of Object.entries(open)) this.talk(name, talk.title);
    this.positions = stored.positions ?? {};
    this.trails = stored.trails ?? {}; // earlier positions
    this.keys = new Set(Object.values(this.talks).flatMap((t) => t.messages.map(keyOf)));
    this.loadMarks();
    for (const m of stored.outbox ?? []) this.put(m); // an earlier version of the page kept these in the history
    this.adopt();
  }

  // read returns the value of an entry, or nothing. It removes a malformed entry: the
  // page can read everything from the route again.
  read(entry, fits) {
    const text = this.storage.getItem(entry);
    if (text === null) return undefined;
    const value = parse(text);
    if (fits(value)) return value;
    this.storage.removeItem(entry);
    this.dropped = true;
    return undefined;
  }

  // hold makes this tab the one that writes the history. If another tab wrote it before,
  // hold reads the history of that tab, and returns true.
  hold() {
    if (this.holds()) return false;
    if (!this.write(this.holder, this.tab)) {
      for (let i = 0; i < chunks; i++) this.storage.removeItem(this.faded + i); // full
      this.write(this.holder, this.tab);
    }
    this.load();
    return true;
  }

  // close stops all writing.
  close() {
    this.closed = true;
  }

  holds() {
    return !this.closed && this.storage.getItem(this.holder) === JSON.stringify(this.tab);
  }

  // trail returns the latest positions of a log, the newest first. The last one is the
  // first position in its present epoch.
  trail(log) {
    const last = this.positions[log];
    return last ? [last, ...[...(this.trails[log] ?? [])].reverse()] : [];
  }

  // stand notes up to where a log was shown. The caller saves the history.
  stand(at) {
    const last = this.positions[at.log];
    this.positions[at.log] = { ...at };
    if (!last) return;
    const trail = (this.trails[at.log] ??= []);
    trail.push(last);
    if (trail.length > recent) trail.splice(trail[0].epoch === at.epoch ? 1 : 0, 1);
  }

  // talkOf returns the name of the conversation of a message: "everyone", g and the
  // group's id, or the id of the other user.
  talkOf(m) {
    if (m.group) return m.group === everyone ? "everyone" : "g" + m.group;
    return String(m.from === this.user ? m.to : m.from);
  }

  talk(name, title) {
    this.talks[name] ??= { title, messages: [], unread: 0 };
    return this.talks[name];
  }

  has(key) {
    return this.keys.has(key) || this.marks.has(markOf(key));
  }

  // add adds a message unless the history has it, and returns whether it was new. The
  // caller saves the history.
  add(m, unread) {
    if (this.has(keyOf(m))) return false;
    const group = m.group === everyone ? "Everyone" : m.group && "Group " + m.group;
    const talk = this.talk(this.talkOf(m), group || (m.from === this.user ? String(m.to) : m.fromName));
    if (!m.group && m.from !== this.user) talk.title = m.fromName;
    if (unread) talk.unread++;
    const text = happenings[m.kind]?.[m.by ? 1 : 0] ?? m.text;
    talk.messages.push({ id: m.id, from: m.from, fromName: m.fromName, to: m.to, group: m.group, text, time: m.time, shown: m.shown });
    this.keys.add(keyOf(m));
    this.trim(talk, kept);
    return true;
  }

  // trim removes the oldest messages of a conversation. It keeps a mark of each message, to
  // recognise the message if it comes again.
  trim(talk, keep) {
    while (talk.messages.length > keep) {
      const key = keyOf(talk.messages.shift());
      this.keys.delete(key);
      this.mark(markOf(key));
    }
  }

  mark(m) {
    this.marks.add(m);
    if (this.chunk.text.length >= perChunk * markLength) {
      this.saveMarks();
      this.chunk = { number: this.chunk.number + 1, text: "" };
      this.marks = this.marksBut(this.chunk.number % chunks);
    }
    this.chunk.text += m;
    this.chunk.changed = true;
  }

  // The marks are in chunks. Only the latest chunk is written, and a new chunk replaces
  // the oldest one.
  loadMarks() {
    this.chunk = { number: 0, text: "" };
    this.marks = this.marksBut(-1, (chunk) => {
      if (chunk.number >= this.chunk.number) this.chunk = chunk;
    });
  }

  marksBut(slot, each = () => {}) {
    const marks = new Set();
    for (let i = 0; i < chunks; i++) {
      const [number, text] = (this.storage.getItem(this.faded + i) ?? "").split(":");
      if (!text || i === slot || !Number.isSafeInteger(Number(number))) continue;
      each({ number: Number(number), text });
      for (let at = 0; at < text.length; at += markLength) marks.add(text.slice(at, at + markLength));
    }
    return marks;
  }

  saveMarks() {
    if (!this.chunk.changed) return;
    this.storage.setItem(this.faded + (this.chunk.number % chunks), this.chunk.number + ":" + this.chunk.text);
    this.chunk.changed = false;
  }

  // save writes the history if this tab is the one that writes it. If the storage is
  // full, it removes the oldest messages.
  save() {
    if (!this.holds()) return;
    for (let keep = kept; keep > 0; keep = Math.floor(keep / 2)) {
      for (const talk of Object.values(this.talks)) this.trim(talk, keep);
      try {
        this.storage.setItem(this.entry, JSON.stringify({ positions: this.positions, trails: this.trails, talks: this.talks }));
        this.saveMarks();
        return;
      } catch {
        // full
      }
    }
  }

  // enqueue keeps a message until the server has it.
  enqueue(m) {
    m.order = 1 + Math.max(0, ...this.outbox.map((o) => o.order ?? 0));
    this.outbox.push(m);
    this.put(m);
  }

  put(m) {
    m.kept = this.write(this.waiting + m.id, m);
    if (m.kept || !this.holds()) return;
    for (const talk of Object.values(this.talks)) this.trim(talk, kept / 4);
    this.save();
    m.kept = this.write(this.waiting + m.id, m);
  }

  write(entry, value) {
    if (this.closed) return false;
    try {
      this.storage.setItem(entry, JSON.stringify(value));
      return true;
    } catch {
      return false; // full
    }
  }

  // dequeue removes a message from the outbox when the server has it. The caller has
  // saved the message in the history before.
  dequeue(m) {
    this.outbox = this.outbox.filter((o) => o !== m);
    this.storage.removeItem(this.waiting + m.id);
  }

  // adopt takes over messages that other tabs have queued, and removes messages that
  // they have sent.
  adopt() {
    const mine = new Map(this.outbox.map((m) => [m.id, m]));
    this.outbox = this.outbox.filter((m) => !m.kept);
    const entries = Array.from({ length: this.storage.length }, (_, i) => this.storage.key(i));
    for (const entry of entries.filter((e) => e.startsWith(this.waiting))) {
      const stored = this.read(entry, isKept);
      if (!stored) continue;
      const m = mine.get(stored.id) ?? stored;
      m.kept = true;
      if (this.has(keyOf(m))) this.storage.removeItem(entry);
      else if (m.id) this.outbox.push(m);
    }
    this.outbox.sort((a, b) => (a.order ?? 0) - (b.order ?? 0) || a.time - b.time);
  }
}
