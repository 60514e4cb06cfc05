// Wires the page up.

import * as api from "./api.js";
import { Chat } from "./chat.js";
import { History } from "./history.js";
import * as view from "./view.js";

const $ = (id) => document.getElementById(id);
const onlineEvery = 10_000; // ms
const remembered = "cim.session";

let chat = null;

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
    state: (kind, text) => {
      view.showState(kind, text);
      localStorage.setItem(remembered, JSON.stringify(session)); // a login renews the token
      if (kind === "good") refreshOnline();
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
  view.showDoor(message);
}

function redraw() {
  view.showTalks(chat.history, chat.current, open);
  view.showMessages(chat.history, chat.current, chat.session.user);
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
$("prefix").oninput = refreshOnline;
setInterval(refreshOnline, onlineEvery);
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !chat) return;
  open(chat.current);
  refreshOnline();
});

const session = JSON.parse(localStorage.getItem(remembered) ?? "null");
if (session) begin(session);
else view.showDoor();
