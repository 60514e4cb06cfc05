// What the page's modules find in a browser, as far as they need it.

import { webcrypto } from "node:crypto";

export class Storage {
  constructor(room = Infinity) {
    this.room = room; // characters
    this.map = new Map();
  }
  get length() { return this.map.size; }
  key(i) { return [...this.map.keys()][i] ?? null; }
  getItem(k) { return this.map.get(k) ?? null; }
  removeItem(k) { this.map.delete(k); }
  setItem(k, v) {
    let used = k.length + v.length;
    for (const [key, value] of this.map) if (key !== k) used += key.length + value.length;
    if (used > this.room) throw new Error("QuotaExceededError");
    this.map.set(k, v);
  }
}

// clock stands still unless it is told to pass.
export const clock = {
  now: 0,
  timers: new Map(),
  next: 1,
  async pass(ms) {
    const end = clock.now + ms;
    for (;;) {
      await settle();
      const [id, t] = [...clock.timers].filter(([, t]) => t.at <= end).sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (!id) break;
      clock.timers.delete(id);
      clock.now = Math.max(clock.now, t.at);
      t.run();
    }
    clock.now = end;
    await settle();
  },
};

const later = globalThis.setImmediate;

// settle lets everything run that waits for nothing but its turn.
export async function settle() {
  for (let i = 0; i < 3; i++) await new Promise((done) => later(done));
}

export const route = { pulls: [], answer: null }; // what was asked of the route, and a function that answers

export function install() {
  globalThis.crypto ??= webcrypto;
  globalThis.localStorage = new Storage();
  globalThis.document = { hidden: false };
  globalThis.WebSocket = class { static OPEN = 1; };
  globalThis.performance = { now: () => clock.now };
  globalThis.setTimeout = (run, ms = 0) => {
    clock.timers.set(clock.next, { at: clock.now + ms, run });
    return clock.next++;
  };
  globalThis.clearTimeout = (id) => clock.timers.delete(id);
  globalThis.fetch = (path, init) => route.answer(path, JSON.parse(init.body ?? "{}"));
  AbortSignal.timeout = () => undefined;
}

export const answered = (body, status = 200) => ({ ok: status === 200, status, headers: { get: () => null }, json: async () => body });
export const link = () => ({ confirmed: true, sent: [], send(frame) { return this.sent.push(frame) > 0; }, close() {} });
export const view = { changed() {}, state() {}, regrouped() {}, ended() {} };
