// Calls of the route, over HTTP. If a call fails, a Refusal with the route's code is
// thrown.

export class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

// retryOf returns when a caller may try again after a code: "now", "later" or "never".
export function retryOf(code) {
  if (code >= 4000 && code < 4100) return "now";
  if (code >= 4200 && code < 4300) return "never";
  return "later";
}

export const codes = { full: 4100, unavailable: 4101, unauthorized: 4207, diverged: 4215, loggedOut: 4201, replaced: 4200, unknownGroup: 4213, notMember: 4214, notFound: 4216, sessionEnded: 4225 };

// A call that failed with a 4xx status is not repeated, unless it is one of these three.
const forGood = (status) => status >= 400 && status < 500 && ![408, 425, 429].includes(status);

const patience = 10_000; // ms that a call waits for its answer

async function call(method, path, token, body) {
  const headers = {};
  if (token) headers.Authorization = "Bearer " + token;
  if (body) headers["Content-Type"] = "application/json";
  let response, answer;
  try {
    response = await fetch("." + path, { // relative to the page, which may be below another path
      method, headers, body: body && JSON.stringify(body), cache: "no-store", signal: AbortSignal.timeout(patience),
    });
    answer = await response.json().catch((err) => {
      if (response.ok || !forGood(response.status)) throw err;
      return {};
    });
  } catch {
    throw new Refusal(codes.unavailable, "The server does not answer.");
  }
  if (!answer.code && forGood(response.status)) {
    const where = response.redirected ? `, and leads to ${new URL(response.url).origin}` : "";
    throw new Refusal(codes.notFound, `What answers here is no chat server (${response.status})${where}.`);
  }
  if (!response.ok) throw new Refusal(answer.code ?? codes.unavailable, answer.message ?? "The server is not available.");
  return answer;
}

export const register = (name, password) => call("POST", "/v1/register", "", { name, password });
// 404 does not end a session: another server may answer at this address for a while.
export const login = (request) => call("POST", "/v1/login", "", request).catch((err) => {
  throw request.token && err.code === codes.notFound ? new Refusal(codes.unavailable, err.message) : err;
});
export const refresh = (token) => call("POST", "/v1/refresh", "", { refresh: token }).catch((err) => {
  throw err.code === codes.notFound ? new Refusal(codes.unavailable, err.message) : err;
});
export const logout = (token) => call("POST", "/v1/logout", token, {});
export const pull = (token, after) => call("POST", "/v1/pull", token, { after, limit: 500 });
export const groups = (token) => call("GET", "/v1/groups", token);
export const createGroup = (token, id, name) => call("POST", "/v1/groups/create", token, { id, name });
export const joinGroup = (token, group) => call("POST", "/v1/groups/join", token, { group });
export const leaveGroup = (token, group) => call("POST", "/v1/groups/leave", token, { group });
export const addMember = (token, group, user) => call("POST", "/v1/groups/add", token, { group, user });
export const removeMember = (token, group, user) => call("POST", "/v1/groups/remove", token, { group, user });
export const members = (token, group) => call("GET", "/v1/groups/members?limit=200&group=" + group, token);
export const userByName = (token, name) => call("GET", "/v1/user?name=" + encodeURIComponent(name), token);
export const online = (token, prefix) => call("GET", "/v1/online?limit=200&prefix=" + encodeURIComponent(prefix), token);
