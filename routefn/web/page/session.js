// The session of this browser, and what it calls the route with: an access token for minutes, which only this tab has, and a refresh
// token, which all tabs share and each use replaces. So the storage has the latest, and one tab at a time uses it. Where the browser
// has no locks, as on plain HTTP, two tabs may use one at once: then both get the same successor.

import * as api from "./api.js";

const early = 30_000; // ms before its end that an access token is renewed

const lock = (run) => globalThis.navigator?.locks?.request("cim.session", run) ?? run();

export class Session {
  constructor({ user, name, device }, store) {
    Object.assign(this, { user, name, device, store, access: "", until: 0, own: undefined, left: false, renewing: undefined });
  }

  // of returns the session of a login's answer.
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

  // write puts tokens into the storage. If that is full, or the session was left, this tab alone has them.
  write(tokens) {
    const { user, name, device } = this;
    const kept = { user, name, device, ...tokens };
    this.own = !this.left && this.store.remember(kept) ? undefined : kept;
  }

  // read returns what there is of this session, or nothing if another one took its place.
  read() {
    if (this.own) return this.own;
    const kept = this.store.session().session;
    return kept?.user === this.user && kept.device === this.device ? kept : undefined;
  }

  // forget removes the session from the storage. The logout still has its tokens.
  forget() {
    this.own = this.read();
    this.left = true;
    if (this.own) this.store.forgetSession();
  }

  // call runs a request with a token. If the token is refused, it runs the request once more with another one: the token may have
  // expired while the machine slept, because the clock of this tab stood still.
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

  // bearer returns a token that is good for some seconds at least.
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
