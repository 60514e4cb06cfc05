// The system that knows the users may hand a token (JWT) to the page. It does so in the
// fragment of the page's address, which no server gets.

// takeToken returns the token in the address (#jwt=...), or "". It removes the token from the address before anything else, so that
// nobody reads it there, copies it, or reloads with it.
export function takeToken(place = location, past = history) {
  const given = new URLSearchParams(place.hash.slice(1));
  if (!given.has("jwt")) return "";
  past.replaceState(null, "", place.pathname + place.search);
  return given.get("jwt").trim();
}

// mayReplace reports whether a login by a token that was handed over may take the place of the session that this browser has. A link
// must not log another user in without a question to the present one.
export function mayReplace(session, answer, ask) {
  return !session || session.user === answer.user || ask(`This browser is logged in as ${session.name}. Log out, and continue as ${answer.name}?`);
}
