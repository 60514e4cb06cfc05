// The order of one log. This module has the functions of the Go package proto/order; the
// reasons are in its comments. It uses no document, socket or clock. Module and package
// pass the cases of proto/vectors.
//
// A place is {log, epoch, number, key}. An entry is {at, prev, message}: at is its place,
// prev the key of the entry before it. An entry without a message is not shown.

export const earlyWait = 50; // ms that an early entry waits for the missing one
const longestWait = 5_000; // ms; the wait doubles while pages do not fill the gap
const maxEarly = 256; // entries that wait; more are read from the route
const maxEarlySize = 1 << 20; // characters of their texts
const kept = 64; // the fewest places that are kept

const same = (a, b) => a.epoch === b.epoch && a.number === b.number && (a.key ?? "") === (b.key ?? "");
const conflict = (a, b) => a.epoch === b.epoch && a.number === b.number && a.key && b.key && a.key !== b.key;
const beginning = (log) => ({ log, epoch: "", number: 0 });
const sizeOf = (entry) => entry?.message?.text?.length ?? 0;

export class Follower {
  #last;
  #kept = []; // the latest places, oldest first
  #early = new Map(); // early entries by number, all above last
  #size = 0; // of the early entries
  #end; // the furthest end of the log that was heard of; counts while it is beyond last
  #doubt = false; // something does not fit
  #vain = 0; // how many pages in a row left early entries waiting
  #asked = false; // a page was requested and has not come
  #behind; // the place behind which the requested page begins
  #heard = 0; // how many pushes and ends were heard
  #before = 0; // value of heard when the page was requested
  #points = []; // places from which to resume, the next one first

  // The parameter known is the list of known places, the newest first. If the list is
  // empty, the follower begins before the oldest entry.
  constructor(log, known = []) {
    this.#last = this.#end = beginning(log);
    for (const at of [...known].reverse()) {
      this.#forget(at.epoch, at.number); // the log has lost the old entry, and has used its number again
      this.#last = at;
      this.#keep(at);
    }
  }

  get last() {
    return this.#last;
  }

  // push takes an entry that was pushed, and returns the entries that are next in
  // order.
  push(entry) {
    const { at } = entry;
    this.#heard++;
    if (this.#follows(entry)) {
      this.#take(at);
      return this.#drain([entry]);
    }
    if (this.#beyond(at) && at.number > this.#last.number + 1 && this.#room(entry)) this.#wait(entry);
    else if (!this.#stands(at)) this.#doubt = true;
    return [];
  }

  // observe notes where the log ends now.
  observe(end) {
    this.#heard++;
    if ((end.number === 0 && this.#last.number === 0) || this.#stands(end)) return;
    if (!this.#beyond(end)) {
      this.#doubt = true;
      return;
    }
    if (end.epoch !== this.#end.epoch || end.number > this.#end.number) this.#end = end;
    this.#doubt ||= this.#asked; // the page may be older than this end
  }

  // due returns in how many ms to request a page. It returns undefined if nothing is
  // missing, or if a requested page has not come yet.
  due() {
    if (this.#asked) return undefined;
    if (this.#doubt || this.#more()) return 0;
    return this.#early.size ? Math.min(earlyWait * 2 ** this.#vain, longestWait) : undefined;
  }

  // doubt makes the log be read from the route, even if nothing seems to be missing.
  doubt() {
    this.#doubt = true;
  }

  // failed notes that the requested page will not come.
  failed() {
    this.#asked = false;
    this.#doubt = true;
  }

  // ask returns the place behind which to read a page.
  ask() {
    this.#asked = true;
    this.#doubt = false;
    this.#before = this.#heard;
    this.#behind = this.#points[0] ?? this.#last;
    return this.#behind;
  }

  // page takes the requested page: the entries behind the place that ask returned, and
  // the end of the log. It returns the entries that are next in order. It returns null if
  // the log goes on, but the page is empty.
  page(entries, end) {
    this.#asked = false;
    this.#end = end;
    if (this.#points.length) this.#rewind(this.#points[0]);
    const ready = [];
    for (const entry of entries) {
      if (this.#contradicts(entry.at)) {
        this.#doubt = true;
        return ready;
      }
      if (entry.at.number <= this.#last.number) continue;
      this.#take(entry.at);
      ready.push(entry);
    }
    this.#drain(ready);
    if (this.#more() && same(this.#last, this.#behind)) return null;
    if (this.#early.size) this.#vain++;
    return ready;
  }

  // diverged takes the answer that the log does not have the place that ask returned.
  // The parameter known is the list of known places, the newest first. diverged returns
  // whether there is another place behind which to read.
  diverged(known) {
    this.failed();
    this.#points = this.#points.length ? this.#points.slice(1) : resumePoints(this.#behind, known);
    return this.#points.length > 0;
  }

  // refused takes the answer that this user may not read the log. If a push or an end
  // came since the request, it returns false, and the log is read once more. Otherwise
  // the answer is final, and it returns true.
  refused() {
    this.#asked = false;
    this.#doubt ||= this.#heard !== this.#before;
    return this.#heard === this.#before;
  }

  #rewind(to) {
    this.#points = [];
    this.#last = to;
    this.#kept = this.#kept.filter((at) => at.epoch === to.epoch);
    this.#forget(to.epoch, to.number + 1);
    if (!this.#early.size) return;
    this.#early.clear();
    this.#size = 0;
    this.#doubt = true; // the early entries may be newer than the page
  }

  #take(at) {
    this.#last = at;
    this.#vain = 0;
    this.#keep(at);
    this.#doubt ||= Boolean(conflict(at, this.#end));
  }

  #room(entry) {
    const size = this.#size - sizeOf(this.#early.get(entry.at.number)) + sizeOf(entry);
    return this.#early.size < maxEarly && size <= maxEarlySize;
  }

  #wait(entry) {
    this.#drop(entry.at.number);
    this.#early.set(entry.at.number, entry);
    this.#size += sizeOf(entry);
  }

  #drop(number) {
    this.#size -= sizeOf(this.#early.get(number));
    this.#early.delete(number);
  }

  #drain(ready) {
    for (let entry; (entry = this.#early.get(this.#last.number + 1)) && this.#follows(entry); ) {
      this.#take(entry.at);
      this.#drop(entry.at.number);
      ready.push(entry);
    }
    for (const [number, entry] of this.#early) {
      if (number > this.#last.number + 1) continue;
      this.#drop(number);
      this.#doubt ||= !this.#stands(entry.at);
    }
    return ready;
  }

  #follows({ at, prev }) {
    return at.number === this.#last.number + 1 && this.#beyond(at) && (!this.#last.key || (prev ?? "") === this.#last.key);
  }

  #beyond(at) {
    return at.number > this.#last.number && (this.#last.number === 0 || at.epoch === this.#last.epoch);
  }

  #more() {
    return this.#end.number > this.#last.number;
  }

  #keep(at) {
    if (this.#kept.length === 2 * kept) this.#kept.splice(0, kept);
    this.#kept.push(at);
  }

  #forget(epoch, number) {
    this.#kept = this.#kept.filter((at) => at.epoch !== epoch || at.number < number);
  }

  #stands(at) {
    return this.#kept.some((p) => same(p, at));
  }

  #contradicts(at) {
    return (this.#last.number > 0 && at.epoch !== this.#last.epoch) || this.#kept.some((p) => conflict(p, at));
  }
}

// start returns the places from which to follow a log, the newest first. These are the
// kept places. If there are none, the only place is the cursor. If there is no cursor,
// either, it is the end of the log if fromEnd is set.
export function start(kept, cursor, end, fromEnd) {
  if (kept.length) return kept;
  if (cursor?.number > 0) return [cursor];
  return fromEnd && end?.number > 0 ? [end] : [];
}

function resumePoints(lost, known) {
  const places = known.filter((at) => !same(at, lost));
  const points = [];
  for (let i = 0, step = 1; i < places.length; i += step, step *= 2) points.push(places[i]);
  if (places.length && points.at(-1) !== places.at(-1)) points.push(places.at(-1));
  return [...points, beginning(lost.log)];
}
