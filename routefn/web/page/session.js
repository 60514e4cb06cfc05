// The session of this browser, and its two tokens. The access token is good for minutes,
// and only this tab has it. All tabs share the refresh token; each use replaces it. So
// the storage has the latest refresh token, and one tab at a time uses it. Where the browser has no
// locks, as on plain HTTP, two tabs may use the same one at once: then both get the same
// successor.

import * as api from "./api.js";

const early = 30_000; // how many ms before its expiry an access token is renewed

const lock = (run) => globalThis.navigator?.locks?.request("cim.session", run) ?? run();

export class Session {
  constructor({ user, name, device }, store) {
    Object.assign(this, { user, name, device, store, access: "", until: 0, own: undefined, left: false, renewing: undefined });
  }

  // of makes a session from the answer to a login.
  static of(answer, store) {
    const session = new Session(answer, store);
    if (!answer.refresh) session.write({ token: answer.token });
    session.keep(answer);
    return session;
  }

  // keep takes the tokens of an answer. A route of an earlier version sends one token only.
  keep(answer) {
    if (answer.access) {
      this.access = answer.access;
      this.until = performance.now() + answer.accessSeconds * 1000 - early;
    }
    if (answer.refresh) this.write({ refresh: answer.refresh });
    else if (answer.token && !this.read()?.refresh) this.write({ token: answer.token });
  }

  // write puts tokens into the storage. If the storage is full, or does not have this
  // session any more, only this tab has the tokens.
  write(tokens) {
    const { user, name, device } = this;
    const kept = { user, name, device, ...tokens };
    this.own = !this.left && this.store.remember(kept) ? undefined : kept;
  }

  // read returns this session's data in the storage, or nothing if another session took
  // the place of this one.
  read() {
    if (this.own) return this.own;
    const kept = this.store.session().session;
    return kept?.user === this.user && kept.device === this.device ? kept : undefined;
  }

  // forget removes the session from the storage. This object keeps the tokens, for the
  // logout.
  forget() {
    this.own = this.read();
    this.left = true;
    if (this.own) this.store.forgetSession();
  }

  // call runs a request with a token. If the route refuses the token, call runs the
  // request once more with another one. A token expires unnoticed while the machine
  // sleeps, because the clock of this tab stands still.
  async call(request) {
    const token = await this.bearer();
    return request(token).catch(async (err) => {
      if (err.code !== api.codes.unauthorized) throw err;
      if (token === this.access) this.access = "";
      const next = await this.bearer();
      if (next === token) throw err;
      return request(next);
    });
  }

  async login(avoid) {
    const answer = await this.call((token) => api.login({ token, device: this.device, avoid }));
    this.keep(answer);
    return answer;
  }

  // bearer returns an access token that is good for some seconds at least.
  async bearer() {
    return this.fresh() ?? (this.renewing ??= lock(() => this.renew()).finally(() => (this.renewing = undefined)));
  }

  fresh() {
    return this.access && performance.now() < this.until ? this.access : undefined;
  }

  async renew() {
    const kept = this.read();
    if (!kept) throw new api.Refusal(api.codes.unauthorized, "Please log in again.");
    if (!kept.refresh) return kept.token;
    this.keep(await api.refresh(kept.refresh));
    return this.access;
  }
}
