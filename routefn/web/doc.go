// Package web is the page that a route serves to browsers: a chat with everyone
// who is online, with one user at a time and in groups, which it makes, joins and
// leaves. It is static, uses no framework and nothing from another site.
//
// The page is a client like any other. It logs in over HTTP at the route that
// served it, opens a WebSocket to the node that the answer names, and speaks the
// JSON form of frames there. What it shows it keeps in the browser's local
// storage, with the positions, so that it pulls only what it missed.
//
// Tabs of one browser are one device, and the newest of them has the connection. It
// holds the history: no other tab writes it. Each message that waits to be sent has
// an entry of its own in the storage, which any tab adds, and the connected one sends.
//
// The modules of page/ are, from the wire to the eye: api.js (the route), link.js
// (one connection), history.js (what was shown and what waits to be sent), follower.js
// (the order of a log), chat.js (reading, sending, coming back), view.js (the
// document), groups.js (the dialogs about groups), main.js (wires them up). Tests run
// them in Node; the rules of order are proto/vectors, as for every follower.
package web
