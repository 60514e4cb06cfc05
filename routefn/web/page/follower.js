// The order of one log: what is pushed, what is read from the route, what the
// history knew before. It has no document, no socket and no clock; the client of Go
// follows the same rules, which proto/vectors/*.json hold both to.

const earlyMax = 256; // entries that wait for a missing one; what comes on top is read
const standing = 64; // places that are held, to tell a repetition from a number given again
export const earlyWait = 50; // ms: pushes of two routes overtake each other by less
const longestEarlyWait = 5_000; // ms

// A position is a log, an epoch, a number and the key that stands there; an entry
// is {at, prev, message}, where no message means that only the position moves.
export class Follower {
  // positions are what the history holds, newest first; none means before the oldest
  // entry.
  constructor(log, positions = []) {
    this.last = positions[0] ?? { log, epoch: "", number: 0 };
    this.places = [...positions].reverse();
    this.early = new Map(); // by number, above last
    this.heard = 0; // pushes and ends that it was told
    this.doubt = false; // something does not fit, or there is more
    this.patience = earlyWait; // ms that the early wait
    this.points = null; // where to try to go on after a divergence
  }

  // push offers an entry and returns those that come next, in order.
  push(entry) {
    this.heard++;
    if (this.#follows(entry)) {
      this.#take(entry);
      return [entry, ...this.#drain()];
    }
    if (this.#stands(entry.at)) return [];
    if (this.#ahead(entry.at) && this.early.size < earlyMax) this.early.set(entry.at.number, entry);
    else this.doubt = true; // another epoch, another key or prev: the route knows
    return [];
  }

  // observe learns where the log ends.
  observe(newest) {
    this.heard++;
    if (newest.number === 0 && this.last.number === 0) return;
    if (!this.#stands(newest)) this.doubt = true;
  }

  // due returns in how many ms to read, or undefined if nothing is missing.
  due() {
    if (this.doubt) return 0;
    return this.early.size ? this.patience : undefined;
  }

  // ask returns the position to read behind.
  ask() {
    this.doubt = false;
    return this.points?.[0] ?? this.last;
  }

  // diverged is the answer that the log does not hold the position that was asked.
  // positions are what the history holds. It returns whether there is another one
  // to ask.
  diverged(positions) {
    if (this.points) this.points.shift();
    else this.points = resumePoints(this.last, positions);
    if (this.points.length) return true;
    this.points = null; // the log has no beginning
    return false;
  }

  // read takes a page that was read behind after, and returns what of it is new.
  read(page, after) {
    if (this.points) this.#rewind(after);
    const fresh = [];
    const entries = page.messages.map((message) => ({ at: { ...message.at, key: message.from + ":" + message.id }, message }));
    if (page.through.number > 0) entries.push({ at: page.through });
    for (const entry of entries) {
      if (this.#contradicts(entry.at)) {
        this.doubt = true; // last moved meanwhile, on what the log has lost
        return fresh;
      }
      if (this.#passed(entry.at)) continue;
      this.#take(entry);
      fresh.push(entry);
    }
    fresh.push(...this.#drain());
    if (page.through.number < page.newest.number) this.doubt = true;
    else if (this.early.size) this.patience = Math.min(2 * this.patience, longestEarlyWait);
    return fresh;
  }

  #rewind(to) {
    this.points = null;
    this.last = to;
    this.places = this.places.filter((p) => p.epoch === to.epoch && p.number <= to.number);
    if (!this.early.size) return;
    this.early.clear();
    this.doubt = true; // what waited may be newer than what is read next
  }

  #take(entry) {
    this.last = entry.at;
    this.patience = earlyWait;
    this.early.delete(entry.at.number);
    this.places.push(entry.at);
    if (this.places.length >= 2 * standing) this.places.splice(0, this.places.length - standing);
  }

  // #drain takes what waited and now follows. What waited and is passed, or does not
  // fit, goes.
  #drain() {
    const ready = [];
    for (let entry; (entry = this.early.get(this.last.number + 1)); ) {
      this.early.delete(entry.at.number);
      if (!this.#follows(entry)) {
        this.doubt = true;
        continue;
      }
      this.#take(entry);
      ready.push(entry);
    }
    for (const [number, entry] of this.early) {
      if (number > this.last.number) continue;
      this.early.delete(number);
      this.doubt ||= !this.#stands(entry.at);
    }
    return ready;
  }

  // A last position without a key comes from a cursor that has none; then numbers
  // decide.
  #follows({ at, prev }) {
    const { last } = this;
    if (last.number === 0) return at.number === 1;
    return at.epoch === last.epoch && at.number === last.number + 1 && (!last.key || (prev ?? "") === last.key);
  }

  #ahead(at) {
    const { last } = this;
    return last.number === 0 || (at.epoch === last.epoch && at.number > last.number + 1);
  }

  #passed(at) {
    return this.last.number > 0 && at.epoch === this.last.epoch && at.number <= this.last.number;
  }

  #stands(at) {
    return this.places.some((p) => p.epoch === at.epoch && p.number === at.number && p.key === at.key);
  }

  #contradicts(at) {
    return !this.#stands(at) && this.places.some((p) => p.epoch === at.epoch && p.number === at.number && p.key && at.key);
  }
}

// resumePoints returns where to try to go on after a log lost its tail: of the
// positions, newest first, ever wider apart, so that a long loss takes few tries and
// what is read twice is at most what was lost; then the earliest, and the beginning.
function resumePoints(lost, positions) {
  const known = positions.filter((p) => p.number !== lost.number || p.epoch !== lost.epoch || p.key !== lost.key);
  const points = [];
  for (let i = 0, step = 1; i < known.length; i += step, step *= 2) points.push(known[i]);
  if (known.length && points.at(-1) !== known.at(-1)) points.push(known.at(-1));
  return [...points, { log: lost.log, epoch: "", number: 0 }];
}

// startOf returns the positions to follow a log from, newest first. A log that was
// never read is read from its oldest message; only everyone's begins at its end.
export function startOf(kept, cursor, end, isEveryone) {
  if (kept.length) return kept;
  if (cursor?.number > 0) return [cursor];
  return isEveryone && end?.number > 0 ? [end] : [];
}
