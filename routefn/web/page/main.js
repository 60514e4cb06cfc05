// Wires the page up.

import * as api from "./api.js";
import { Chat } from "./chat.js";
import * as groups from "./groups.js";
import { History } from "./history.js";
import * as view from "./view.js";

const $ = (id) => document.getElementById(id);
const onlineEvery = 10_000; // ms
const remembered = "cim.session";

let chat = null;
let mine = new Map(); // the user's groups, by their conversations

const dialogs = groups.wire(() => chat.session, async (group, name) => {
  open("g" + group, name || "Group " + group);
  await refreshGroups();
});

// One browser is one device: a second tab takes the connection over.
function device() {
  let name = localStorage.getItem("cim.device");
  if (!name) {
    name = "web-" + Array.from(crypto.getRandomValues(new Uint8Array(6)), (b) => b.toString(16).padStart(2, "0")).join("");
    localStorage.setItem("cim.device", name);
  }
  return name;
}

function begin(session, answer) {
  const history = new History(session.user);
  history.talk("everyone", "Everyone");
  chat = new Chat(session, history, {
    changed: redraw,
    regrouped: refreshGroups,
    state: (kind, text) => {
      view.showState(kind, text);
      localStorage.setItem(remembered, JSON.stringify(session)); // a login renews the token
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
      end(code === api.codes.loggedOut ? "" : "Please log in again.");
    },
  });
  view.showRoom(session.name);
  view.showState("", "Connecting…");
  open("everyone", "Everyone");
  chat.run(answer);
}

function end(message) {
  localStorage.removeItem(remembered);
  chat = null;
  dialogs.close();
  view.showDoor(message);
}

// refreshGroups asks for the user's groups: their conversations are there before
// anybody wrote, and bear their names.
async function refreshGroups() {
  const asking = chat;
  const answer = await api.groups(asking.session.token).catch(() => null); // the next connection asks again
  if (!answer || asking !== chat) return;
  mine = new Map(answer.groups.map((g) => ["g" + g.group, g]));
  for (const [talk, g] of mine) chat.history.talk(talk).title = g.name || "Group " + g.group;
  chat.history.save();
  redraw();
}

function redraw() {
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
    view.showOnline(await api.online(chat.session.token, $("prefix").value.trim()), chat.current, open);
  } catch {
    // The state says it already, and the next try comes.
  }
}

async function enter(create) {
  const name = $("name").value.trim(), password = $("password").value;
  $("enter").disabled = $("create").disabled = true;
  try {
    if (create) await api.register(name, password);
    const answer = await api.login({ name, password, device: device() });
    begin({ user: answer.user, name: answer.name, device: answer.device, token: answer.token }, answer);
  } catch (err) {
    view.showDoor(err.message);
  } finally {
    $("enter").disabled = $("create").disabled = false;
  }
}

$("login").onsubmit = (event) => {
  event.preventDefault();
  enter(false);
};
$("create").onclick = () => $("login").reportValidity() && enter(true);
$("leave").onclick = async () => {
  const leaving = chat;
  end("");
  await leaving.leave().catch(() => {}); // the session ends by itself when the socket does
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

// What another tab of this user typed, or sent.
addEventListener("storage", (event) => {
  if (chat && event.key?.startsWith(chat.history.waiting)) chat.adopt();
});

const session = JSON.parse(localStorage.getItem(remembered) ?? "null");
if (session) begin(session);
else view.showDoor();
