// What was shown, in the browser's local storage: messages by conversation and the
// position in each log, in one entry, so that one write keeps them together.

const kept = 500; // messages a conversation

export const everyone = 1; // the group of all
const happenings = { 2: ["joined the group", "was added to the group"], 3: ["left the group", "was removed from the group"] }; // by kind, which is absent in a text
export const keyOf = (m) => m.from + ":" + m.id;

export class History {
  constructor(user) {
    this.user = user;
    this.entry = "cim.history." + user;
    this.positions = {};
    this.talks = {};
    this.outbox = [];
    try {
      Object.assign(this, JSON.parse(localStorage.getItem(this.entry)) ?? {});
    } catch {
      // Unreadable is as good as empty: everything can be pulled again.
    }
    this.keys = new Set(Object.values(this.talks).flatMap((t) => t.messages.map(keyOf)));
  }

  // talkOf names the conversation of a message: "everyone", g and a group's id, or
  // the other's id.
  talkOf(m) {
    if (m.group) return m.group === everyone ? "everyone" : "g" + m.group;
    return String(m.from === this.user ? m.to : m.from);
  }

  talk(name, title) {
    this.talks[name] ??= { title, messages: [], unread: 0 };
    return this.talks[name];
  }

  // add takes a message over unless it is there, and returns whether it was new.
  // The caller saves.
  add(m, unread) {
    if (this.keys.has(keyOf(m))) return false;
    const group = m.group === everyone ? "Everyone" : m.group && "Group " + m.group;
    const talk = this.talk(this.talkOf(m), group || (m.from === this.user ? String(m.to) : m.fromName));
    if (!m.group && m.from !== this.user) talk.title = m.fromName;
    if (unread) talk.unread++;
    const text = happenings[m.kind]?.[m.by ? 1 : 0] ?? m.text;
    talk.messages.push({ id: m.id, from: m.from, fromName: m.fromName, to: m.to, group: m.group, text, time: m.time, shown: m.shown });
    this.keys.add(keyOf(m));
    while (talk.messages.length > kept) this.keys.delete(keyOf(talk.messages.shift()));
    return true;
  }

  // save writes everything, letting go of the oldest messages if there is no room.
  save() {
    for (let keep = kept; keep > 0; keep = Math.floor(keep / 2)) {
      for (const talk of Object.values(this.talks)) {
        while (talk.messages.length > keep) this.keys.delete(keyOf(talk.messages.shift()));
      }
      try {
        localStorage.setItem(this.entry, JSON.stringify({ positions: this.positions, talks: this.talks, outbox: this.outbox }));
        return;
      } catch {
        // full
      }
    }
  }
}
