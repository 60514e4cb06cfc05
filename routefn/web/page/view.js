// The document. Texts of users are inserted as text, never as markup.

const $ = (id) => document.getElementById(id);

export function element(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const timeOf = (ms) => (Date.now() - ms < 20 * 3600_000 ? clock : day).format(ms);

export function showDoor(error = "") {
  $("room").hidden = true;
  $("door").hidden = false;
  $("login-error").textContent = error;
  $("name").focus();
}

export function showRoom(name) {
  $("door").hidden = true;
  $("room").hidden = false;
  $("password").value = "";
  $("me").textContent = name;
}

export function showState(kind, text) {
  $("state").dataset.kind = kind;
  $("state").textContent = text;
}

// notify shows a notice until the user closes it.
export function notify(text) {
  $("notice-text").textContent = text;
  $("notice").hidden = false;
}
$("close-notice").onclick = () => ($("notice").hidden = true);

// clear empties the document of all that it showed.
export function clear() {
  for (const id of ["messages", "conversations", "online", "member-list"]) $(id).replaceChildren();
  for (const id of ["title", "me", "total", "members-title", "group-number"]) $(id).textContent = "";
  for (const id of ["text", "prefix", "name", "password", "group-name", "group-id", "member-name"]) $(id).value = "";
  document.title = "CIM";
  [shown, first, count] = [null, "", 0];
  $("notice").hidden = true;
}

function personButton(title, talk, current, unread, open) {
  const button = element("button");
  button.type = "button";
  button.setAttribute("aria-current", String(talk === current));
  button.append(element("span", "", title));
  if (unread) {
    const badge = element("span", "badge", unread);
    badge.setAttribute("aria-label", unread + " unread");
    button.append(badge);
  }
  button.onclick = () => open(talk, title);
  const item = element("li");
  item.append(button);
  return item;
}

export function showTalks(history, current, open) {
  const talks = Object.entries(history.talks).sort(([a, x], [b, y]) => {
    if ((a === "everyone") !== (b === "everyone")) return a === "everyone" ? -1 : 1;
    return (y.messages.at(-1)?.time ?? 0) - (x.messages.at(-1)?.time ?? 0);
  });
  $("conversations").replaceChildren(...talks.map(([name, t]) => personButton(t.title, name, current, t.unread, open)));
  const unread = talks.reduce((sum, [, t]) => sum + t.unread, 0);
  document.title = unread ? `(${unread}) CIM` : "CIM";
}

export function showOnline(answer, current, open) {
  $("total").textContent = answer.total;
  $("online").replaceChildren(...answer.users.map((u) => personButton(u.name, String(u.user), current, 0, open)));
}

function messageItem(m, own, note) {
  const item = element("li", "message" + (own ? " own" : "") + (m.failed ? " failed" : ""));
  item.append(element("span", "meta", (own ? "" : m.fromName + " · ") + (note ?? timeOf(m.time))), element("p", "", m.text));
  return item;
}

let shown = null; // the conversation on the screen
let first = "", count = 0; // the conversation's first message on the screen, and how many are there; only new messages are added, so that a screen reader reads each once

// showMessages shows the messages of a conversation. If the screen was at the end, it
// stays at the end.
export function showMessages(history, talk, user) {
  const list = $("messages");
  const { title, messages } = history.talks[talk];
  const atEnd = shown !== talk || list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  $("title").textContent = title;
  list.querySelectorAll("[data-waiting]").forEach((e) => e.remove());
  const begins = messages[0] ? messages[0].from + ":" + messages[0].id : "";
  if (shown !== talk || (first && first !== begins)) {
    list.replaceChildren();
    count = 0;
  }
  [shown, first] = [talk, begins];
  list.append(...messages.slice(count).map((m) => messageItem(m, m.from === user)));
  count = messages.length;
  messages.forEach((m, i) => list.children[i].classList.toggle("shown", Boolean(m.shown)));
  for (const m of history.outbox.filter((m) => history.talkOf(m) === talk)) {
    const item = messageItem(m, true, m.failed ?? "Sending…");
    item.dataset.waiting = "";
    list.append(item);
  }
  if (atEnd) list.scrollTop = list.scrollHeight;
}
