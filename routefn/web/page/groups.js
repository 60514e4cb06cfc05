// Groups: a dialog to make or join a group, and a dialog that shows the members of a
// group. The conversation of a group is named g and the group's id.

import * as api from "./api.js";
import { newID } from "./chat.js";
import { element } from "./view.js";

const $ = (id) => document.getElementById(id);
export const groupOf = (talk) => (talk.startsWith("g") ? Number(talk.slice(1)) : 0);

// attempt runs the action of a form. If it fails, it shows the reason in the dialog.
async function attempt(dialog, action) {
  const buttons = dialog.querySelectorAll("button[type=submit]");
  const error = dialog.querySelector(".error");
  error.textContent = "";
  buttons.forEach((b) => (b.disabled = true));
  try {
    await action();
  } catch (err) {
    error.textContent = err.message;
  } finally {
    buttons.forEach((b) => (b.disabled = false));
  }
}

// wire prepares both dialogs. session() returns the session of the user. wire calls
// entered(id, name) when the user has made or joined a group.
export function wire(session, entered) {
  const fresh = $("new-group"), members = $("members");
  let request = ""; // the id of the request, the same until it is answered, so that repeating it makes one group
  let group = null; // the group whose members are shown

  const on = (form, action) => {
    $(form).onsubmit = (event) => {
      event.preventDefault();
      attempt($(form).closest("dialog"), action);
    };
  };
  for (const button of document.querySelectorAll("dialog [data-close]")) {
    button.onclick = () => button.closest("dialog").close();
  }

  $("open-new-group").onclick = () => {
    fresh.querySelectorAll("form").forEach((f) => f.reset());
    fresh.querySelector(".error").textContent = "";
    fresh.showModal();
  };
  $("group-name").oninput = () => (request = "");
  on("make-group", async () => {
    const name = $("group-name").value.trim();
    const made = await session().call((token) => api.createGroup(token, (request ||= newID()), name));
    request = "";
    fresh.close();
    entered(made.group, name);
  });
  on("join-group", async () => {
    const id = Number($("group-id").value.trim().replace(/^g/, ""));
    await session().call((token) => api.joinGroup(token, id));
    fresh.close();
    entered(id, "");
  });

  const person = (user) => {
    const item = element("li");
    item.append(element("span", "", user.name));
    if (group.creator === session().user && user.user !== session().user) {
      const button = element("button", "plain", "Remove");
      button.type = "button";
      button.setAttribute("aria-label", "Remove " + user.name);
      button.onclick = () => attempt(members, async () => {
        await session().call((token) => api.removeMember(token, group.group, user.user));
        await list();
      });
      item.append(button);
    }
    return item;
  };
  async function list() {
    const answer = await session().call((token) => api.members(token, group.group));
    const people = answer.users.map(person);
    const rest = answer.total - people.length;
    if (rest > 0) people.push(element("li", "quiet", "and " + rest + " more"));
    $("member-list").replaceChildren(...people);
  }
  on("add-member", async () => {
    const user = await session().call((token) => api.userByName(token, $("member-name").value.trim()));
    await session().call((token) => api.addMember(token, group.group, user.user));
    $("add-member").reset();
    await list();
  });
  on("leave-group", async () => {
    await session().call((token) => api.leaveGroup(token, group.group));
    members.close();
  });

  return {
    // showMembers opens the dialog that shows the members of a group. The group is one
    // from the answer of api.groups.
    showMembers(about) {
      group = about;
      $("members-title").textContent = about.name || "Group " + about.group;
      $("group-number").textContent = about.group;
      $("add-member").hidden = about.creator !== session().user;
      $("add-member").reset();
      $("member-list").replaceChildren();
      members.showModal();
      attempt(members, list);
    },
    // close closes both dialogs.
    close() {
      fresh.close();
      members.close();
    },
  };
}
