// Connects the modules of the page.

import * as api from "./api.js";
import { Chat } from "./chat.js";
import * as groups from "./groups.js";
import { mayReplace, takeToken } from "./handed.js";
import { History } from "./history.js";
import { Session } from "./session.js";
import { loggedOut, Store } from "./store.js";
import * as view from "./view.js";

const $ = (id) => document.getElementById(id);
const onlineEvery = 10_000; // ms
const store = new Store();

let chat = null;
let mine = new Map(); // the user's groups, by their conversations

const dialogs = groups.wire(() => chat.session, async (group, name) => {
  open("g" + group, name || "Group " + group);
  await refreshGroups();
});

function begin(session, answer) {
  const others = store.keepOnly(session.user);
  const history = new History(session.user, store.storage);
  if (history.dropped) view.notify("What this browser had kept could not be read, and was removed. It is read from the server again.");
  else if (others) view.notify("What this browser had kept for another user was removed.");
  history.talk("everyone", "Everyone");
  chat = new Chat(session, history, {
    changed: redraw,
    regrouped: refreshGroups,
    state: (kind, text) => {
      if (chat?.session !== session) return; // this chat was left meanwhile
      view.showState(kind, text);
      if (kind === "good") {
        refreshOnline();
        refreshGroups();
      }
    },
    ended: (code) => {
      if (code === api.codes.replaced) {
        view.showState("bad", "This account is open in another tab. Reload to use it here.");
        return;
      }
      if (code === api.codes.loggedOut) forget("");
      else if (code === api.codes.sessionEnded) forget("This session was ended. Please log in again.");
      else end("Please log in again.");
    },
  });
  view.showRoom(session.name);
  view.showState("", "Connecting…");
  open("everyone", "Everyone");
  chat.run(answer);
}

function end(message) {
  chat.session.forget();
  chat = null;
  dialogs.close();
  view.showDoor(message);
}

// forget ends the chat and removes all its data, so that the next person at this browser
// finds nothing.
function forget(message) {
  chat.stop();
  end(message);
  view.clear();
  store.wipe();
}

// refreshGroups fetches the user's groups. The page lists each group by its name, even
// one without messages.
async function refreshGroups() {
  const asking = chat;
  const answer = await asking.session.call(api.groups).catch(() => null); // the next connection asks again
  if (!answer || asking !== chat) return;
  mine = new Map(answer.groups.map((g) => ["g" + g.group, g]));
  for (const [talk, g] of mine) chat.history.talk(talk).title = g.name || "Group " + g.group;
  chat.history.save();
  redraw();
}

function redraw() {
  if (!chat) return; // an answer may come late, after a logout
  view.showTalks(chat.history, chat.current, open);
  view.showMessages(chat.history, chat.current, chat.session.user);
  $("open-members").hidden = !mine.has(chat.current);
}

function open(talk, title) {
  chat.history.talk(talk, title).unread = 0;
  chat.current = talk;
  redraw();
  $("text").focus();
}

async function refreshOnline() {
  if (!chat || document.hidden) return;
  try {
    view.showOnline(await chat.session.call((token) => api.online(token, $("prefix").value.trim())), chat.current, open);
  } catch {
    // The page shows the state already, and there will be another try.
  }
}

// enter logs in with the password or token in the request. The parameter before is the
// session that this browser has, if any.
async function enter(request, { create = false, before = null } = {}) {
  $("enter").disabled = $("create").disabled = $("enter-token").disabled = true;
  try {
    if (create) await api.register(request.name, request.password);
    const answer = await api.login({ ...request, device: store.device() });
    if (!mayReplace(before, answer, (text) => confirm(text))) {
      begin(before);
      return;
    }
    if (before && before.user !== answer.user) await before.call(api.logout).catch(() => {}); // if that fails, the earlier session ends when it expires
    begin(Session.of(answer, store), answer);
  } catch (err) {
    if (before) {
      view.notify(err.message);
      begin(before);
    } else view.showDoor(err.message);
  } finally {
    $("enter").disabled = $("create").disabled = $("enter-token").disabled = false;
  }
}

const typed = () => ({ name: $("name").value.trim(), password: $("password").value });

$("login").onsubmit = (event) => {
  event.preventDefault();
  enter(typed());
};
$("create").onclick = () => $("login").reportValidity() && enter(typed(), { create: true });
$("login-token").onsubmit = (event) => {
  event.preventDefault();
  const jwt = $("token").value.trim();
  $("token").value = "";
  enter({ jwt });
};
addEventListener("hashchange", () => {
  const jwt = takeToken();
  if (jwt && !chat) enter({ jwt });
});
$("leave").onclick = async () => {
  const leaving = chat, unsent = leaving.history.outbox.length;
  if (unsent && !confirm(`${unsent} of your messages were not sent yet. Log out and drop them?`)) return;
  forget("");
  await leaving.leave().catch(() => {}); // if that fails, the session ends with the connection
};
$("compose").onsubmit = (event) => {
  event.preventDefault();
  const text = $("text").value;
  if (!text.trim()) return;
  $("text").value = "";
  chat.say(chat.current, text);
};
$("text").onkeydown = (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("compose").requestSubmit();
};
$("open-members").onclick = () => dialogs.showMembers(mine.get(chat.current));
$("prefix").oninput = refreshOnline;
setInterval(refreshOnline, onlineEvery);
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !chat) return;
  open(chat.current);
  refreshOnline();
});

// Another tab has logged out, queued a message, or sent one.
addEventListener("storage", (event) => {
  if (chat && loggedOut(event)) {
    chat.stop();
    end("");
    view.clear();
    return;
  }
  if (chat && event.key?.startsWith(chat.history.waiting)) chat.adopt();
});

const handed = takeToken();
const { session, dropped } = store.session();
const kept = session && new Session(session, store);
if (handed) enter({ jwt: handed }, { before: kept });
else if (kept) begin(kept);
else view.showDoor(dropped ? "What this browser had kept could not be read, and was removed. Please log in again." : "");
