// All that the page keeps in the browser: the data of one user at a time. The keys begin
// with "cim.".

const ours = "cim.";
const session = "cim.session";
const deviceKey = "cim.device";

// A Memory keeps things until the page is closed. It is used if the browser refuses to
// keep anything.
export class Memory {
  #entries = new Map();
  get length() { return this.#entries.size; }
  key(i) { return [...this.#entries.keys()][i] ?? null; }
  getItem(k) { return this.#entries.get(k) ?? null; }
  setItem(k, v) { this.#entries.set(k, String(v)); }
  removeItem(k) { this.#entries.delete(k); }
}

// browserStorage returns the browser's storage, or a Memory if the user forbids
// storage.
export function browserStorage(from = () => globalThis.localStorage) {
  try {
    const storage = from();
    storage.getItem(session);
    return storage;
  } catch {
    return new Memory();
  }
}

const isText = (v, most) => typeof v === "string" && v !== "" && v.length <= most;
const isSession = (s) =>
  Number.isSafeInteger(s?.user) && s.user > 0 && isText(s.name, 256) && isText(s.refresh ?? s.token, 4096) && /^[a-z0-9._-]{1,32}$/.test(s.device);

export class Store {
  constructor(storage = browserStorage()) {
    this.storage = storage;
  }

  // session returns the session that was kept, or nothing. If it is malformed,
  // everything that is kept is removed.
  session() {
    const text = this.storage.getItem(session);
    if (text === null) return { session: null, dropped: false };
    try {
      const s = JSON.parse(text);
      if (isSession(s)) {
        const { user, name, device, token, refresh } = s;
        return { session: { user, name, device, ...(refresh ? { refresh } : { token }) }, dropped: false };
      }
    } catch {
      // no JSON
    }
    this.wipe();
    return { session: null, dropped: true };
  }

  // remember stores the session, and returns whether it could. If the storage is full, it
  // removes the earlier one, too, because no tab may use a token that was replaced. Then
  // the page asks for the password when it is loaded again.
  remember(s) {
    try {
      this.storage.setItem(session, JSON.stringify(s));
      return true;
    } catch {
      this.forgetSession();
      return false;
    }
  }

  forgetSession() {
    this.storage.removeItem(session);
  }

  // One browser is one device. So when a second tab connects, the first one loses its
  // connection.
  device() {
    const known = this.storage.getItem(deviceKey);
    if (known && /^[a-z0-9._-]{1,32}$/.test(known)) return known;
    const name = "web-" + Array.from(crypto.getRandomValues(new Uint8Array(6)), (b) => b.toString(16).padStart(2, "0")).join("");
    try {
      this.storage.setItem(deviceKey, name);
    } catch {
      // full: the next load of the page makes another device
    }
    return name;
  }

  // keepOnly removes everything that was kept for other users, because the next person at
  // this browser must not find it. It returns whether it removed anything.
  keepOnly(user) {
    return this.#drop((rest) => /^(history|holder|outbox|marks)\.\d+(\.|$)/.test(rest) && rest.split(".")[1] !== String(user));
  }

  // wipe removes everything that is kept.
  wipe() {
    this.#drop(() => true);
  }

  #drop(chosen) {
    const keys = Array.from({ length: this.storage.length }, (_, i) => this.storage.key(i));
    const gone = keys.filter((k) => k?.startsWith(ours) && chosen(k.slice(ours.length)));
    for (const k of gone) this.storage.removeItem(k);
    return gone.length > 0;
  }
}

// loggedOut reports whether an event of the storage means that another tab has logged
// out.
export const loggedOut = (event) => event.key === null || (event.key === session && event.newValue === null);

const isObject = (v) => typeof v === "object" && v !== null && !Array.isArray(v);
const all = (v, each) => v === undefined || (isObject(v) && Object.values(v).every(each));
const isPlace = (p) => isObject(p) && Number.isSafeInteger(p.log) && Number.isSafeInteger(p.number) && typeof p.epoch === "string";
export const isKept = (m) => isObject(m) && typeof m.id === "string" && Number.isSafeInteger(m.from ?? 0) && typeof (m.text ?? "") === "string" && Number.isFinite(m.time);
const isTalk = (t) => isObject(t) && Array.isArray(t.messages) && t.messages.every(isKept) && typeof (t.title ?? "") === "string" && Number.isSafeInteger(t.unread ?? 0);

// isHistory reports whether an object has the form of a history, so that reading it
// cannot fail.
export const isHistory = (h) =>
  isObject(h) && all(h.talks, isTalk) && all(h.positions, isPlace) && all(h.trails, (t) => Array.isArray(t) && t.every(isPlace)) &&
  (h.outbox === undefined || (Array.isArray(h.outbox) && h.outbox.every(isKept)));
