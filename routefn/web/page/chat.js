// A chat: the order of logs and their gaps, sending, and coming back. It changes
// the history and tells the view by three calls: changed(), state(kind, text), and
// regrouped() when the user joined or left a group.

import * as api from "./api.js";
import { Link } from "./link.js";
import { everyone, keyOf } from "./history.js";

const ackPause = 5_000; // ms between two acknowledgements
const confirmPause = 100; // ms between two that senders wait for
const confirmMax = 100; // messages that one of those confirms
const longestPause = 15_000; // ms between two tries to come back

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
export const newID = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");

export class Chat {
  constructor(session, history, view) {
    this.session = session; // user, name, device, token
    this.history = history;
    this.view = view;
    this.link = null;
    this.avoid = [];
    this.failures = 0;
    this.pulling = new Map(); // log -> whether to pull once more
    this.acked = 0; // when that was last done
    this.toConfirm = []; // keys of messages that were shown and whose senders want to know
    this.inFlight = new Set(); // conversations with a message on its way
    this.stopped = false;
    this.current = "everyone";
  }

  // run keeps a connection until stop, or until a code says not to come back.
  // first is a login answer that was just got, or nothing.
  async run(first) {
    for (let answer = first; !this.stopped; answer = null) {
      let code;
      try {
        answer ??= await api.login({ token: this.session.token, device: this.session.device, avoid: this.avoid });
        this.session.token = answer.token;
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

  // pauseAfter grows with the failures in a row and is drawn at random, so that
  // the users of a node that died do not all come back at the same moment.
  pauseAfter(code) {
    const most = api.retryOf(code) === "now" && this.failures <= 1 ? 500 : Math.min(longestPause, 500 * 2 ** this.failures);
    return Math.random() * most;
  }

  // stay returns the code with which the connection to the answer's node ended.
  async stay(answer) {
    this.failures++;
    const { code, opened } = await this.open(answer.node, answer.ticket);
    // A node that was left or never reached is not tried again at once.
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

  // take makes the link the one that is written to; an older one is left.
  take(link, frame) {
    const old = this.link;
    this.link = link;
    if (old && old !== link) old.close();
    this.failures = 0;
    this.avoid = [];
    this.view.state("good", "Connected");
    for (const c of frame.cursors ?? []) {
      if (c.log === everyone) this.history.positions[c.log] ??= c;
    }
    for (const newest of frame.newest ?? []) this.mayLag(newest);
    this.inFlight.clear();
    for (const m of this.history.outbox) m.again = true;
    this.sendNext();
    if (this.toConfirm.length) this.ackSoon();
  }

  read(link, frame, done) {
    switch (frame.cmd) {
      case "message": return this.receive({ ...frame, at: { ...frame.at, key: keyOf(frame) } });
      case "delivered": return this.delivered(frame);
      case "newest": return (frame.newest ?? []).forEach((p) => this.mayLag(p));
      case "send-answer": return this.sent(frame);
      case "redirect": return this.move(link, { id: frame.node, address: frame.nodeAddress, tls: frame.tls ?? false }, frame.ticket, done);
      case "error": return this.view.state("bad", frame.text || "The node refused a message.");
    }
  }

  // move opens the connection that a draining node asks for. Both are read until
  // the new one is confirmed; if it fails, the old one goes on while it can.
  async move(link, node, ticket, done) {
    link.moved = true;
    const outcome = await this.open(node, ticket);
    if (outcome.opened || link.over) return done(outcome);
    link.moved = false;
  }

  // position returns how far a log was shown.
  position(log) {
    return this.history.positions[log] ?? { log, epoch: "", number: 0 };
  }

  // receive shows a message that comes next, and pulls if one is missing before.
  receive(m) {
    const last = this.position(m.at.log);
    if (m.at.epoch === last.epoch && m.at.number <= last.number) return;
    if (m.at.epoch !== last.epoch || m.at.number !== last.number + 1 || (m.prev && m.prev !== last.key)) {
      this.pullFrom(m.at.log);
      return;
    }
    this.show([m], m.at);
  }

  mayLag(newest) {
    const last = this.position(newest.log);
    if (newest.epoch !== last.epoch || newest.number > last.number) this.pullFrom(newest.log);
  }

  show(messages, through) {
    for (const m of messages) {
      const others = m.from !== this.session.user;
      const fresh = this.history.add(m, others && (document.hidden || this.history.talkOf(m) !== this.current));
      if (fresh && others && m.confirm && !m.group) this.toConfirm.push(keyOf(m));
    }
    this.history.positions[through.log] = { ...through };
    this.history.save();
    this.ackSoon();
    this.view.changed();
    if (messages.some((m) => m.kind && m.from === this.session.user)) this.view.regrouped();
  }

  // pullFrom reads what follows in a log, one pull at a time a log.
  async pullFrom(log) {
    if (this.pulling.has(log)) {
      this.pulling.set(log, true);
      return;
    }
    do {
      this.pulling.set(log, false);
      try {
        await this.pullAll(log);
      } catch (err) {
        if (err.code === api.codes.notMember) delete this.history.positions[log]; // there is nothing more for us
        if (err.code !== api.codes.diverged) break; // the next message or connection tries again
        // The store lost a tail. Read it all again; what was shown is not shown twice.
        this.history.positions[log] = { log, epoch: "", number: 0 };
        this.pulling.set(log, true);
      }
    } while (this.pulling.get(log));
    this.pulling.delete(log);
  }

  async pullAll(log) {
    for (;;) {
      const answer = await api.pull(this.session.token, this.position(log));
      this.show(answer.messages, answer.through);
      if (answer.through.number >= answer.newest.number) return;
    }
  }

  // ackSoon acknowledges what was shown: every few seconds, or at once if a sender
  // wants to know.
  ackSoon() {
    const pause = this.toConfirm.length ? confirmPause : ackPause;
    clearTimeout(this.ackTimer);
    this.ackTimer = setTimeout(() => this.ack(), Math.max(0, this.acked + pause - Date.now()));
  }

  ack() {
    const cursors = Object.values(this.history.positions).filter((p) => p.number > 0);
    const shown = this.toConfirm.slice(0, confirmMax);
    if (!cursors.length || !this.link?.confirmed || !this.link.send({ cmd: "ack", cursors, shown })) return;
    this.acked = Date.now();
    this.toConfirm.splice(0, shown.length);
    if (this.toConfirm.length) this.ackSoon();
  }

  // delivered marks a message of ours that its receiver was shown.
  delivered({ id, to }) {
    const talk = String(to);
    const ours = [...(this.history.talks[talk]?.messages ?? []), ...this.history.outbox];
    const m = ours.find((m) => m.id === id && m.from === this.session.user && this.history.talkOf(m) === talk);
    if (!m || m.shown) return;
    m.shown = true;
    this.history.save();
    this.view.changed();
  }

  // say queues a text for a conversation. It is kept until the server has it.
  say(talk, text) {
    const m = { id: newID(), from: this.session.user, fromName: this.session.name, text, time: Date.now() };
    if (talk === "everyone") m.group = everyone;
    else if (talk.startsWith("g")) m.group = Number(talk.slice(1));
    else m.to = Number(talk);
    this.history.outbox.push(m);
    this.history.save();
    this.view.changed();
    this.sendNext();
  }

  // sendNext sends the first message of every conversation that has none on its
  // way: so their order holds whatever becomes of one.
  sendNext() {
    if (!this.link?.confirmed) return;
    for (const m of this.history.outbox) {
      const talk = this.history.talkOf(m);
      if (m.failed || this.inFlight.has(talk)) continue;
      const frame = { cmd: "send", id: m.id, text: m.text, again: m.again };
      if (m.group) frame.group = m.group;
      else Object.assign(frame, { to: m.to, confirm: true });
      if (!this.link.send(frame)) return;
      this.inFlight.add(talk);
    }
  }

  sent(frame) {
    const { outbox } = this.history;
    const i = outbox.findIndex((m) => m.id === frame.id);
    if (i < 0) return;
    const m = outbox[i];
    if (frame.code && api.retryOf(frame.code) !== "never") {
      m.again = true;
      setTimeout(() => this.release(m), 1000 + Math.random() * 1000);
      return;
    }
    if (frame.code) {
      m.failed = frame.text || "Not sent.";
    } else {
      outbox.splice(i, 1);
      const at = { ...frame.at, key: keyOf(m) };
      this.history.add({ ...m, time: frame.time }, false);
      this.receive({ ...m, time: frame.time, at, prev: frame.prev });
    }
    this.history.save();
    this.view.changed();
    this.release(m);
  }

  release(m) {
    this.inFlight.delete(this.history.talkOf(m));
    this.sendNext();
  }

  async leave() {
    this.stopped = true;
    try {
      await api.logout(this.session.token);
    } finally {
      this.link?.close();
    }
  }
}
