// Package web is the page that a route serves to browsers: a chat with everyone
// who is online, with one user at a time and in groups, which it makes, joins and
// leaves. It is static, uses no framework and nothing from another site.
//
// The page is a client like any other. It logs in over HTTP at the route that
// served it, opens a WebSocket to the node that the answer names, and speaks the
// JSON form of frames there. What it shows it keeps in the browser's local
// storage, with the positions, so that it pulls only what it missed.
//
// The modules of page/ are, from the wire to the eye: api.js (the route), link.js
// (one connection), history.js (what was shown), chat.js (order, gaps, sending,
// coming back), view.js (the document), groups.js (the dialogs about groups), main.js
// (wires them up).
package web
