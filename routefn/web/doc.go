// Package web is the page that a route serves to browsers. It is a chat with everyone
// who is online, with single users, and in groups. It can make, join and leave groups.
// It is static, uses no framework and nothing from another site.
//
// The page is a client like any other. It logs in over HTTP at the route that
// served it, opens a WebSocket to the node that the answer names, and speaks the
// JSON form of frames there. It keeps the messages that it shows in the browser's local
// storage, with the positions. So it pulls only messages that it missed.
//
// Tabs of one browser are one device, and the newest of them has the connection. It
// holds the history: no other tab writes it. Each message that waits to be sent has
// an entry of its own in the storage, which any tab adds, and the connected one sends.
//
// These are the modules of page/, from the wire to the screen. api.js calls the route.
// link.js is one connection. history.js keeps the shown and the unsent messages.
// order.js puts a log in order. chat.js reads, sends and reconnects. view.js draws the
// document. groups.js has the dialogs about groups. main.js wires them up. Tests run
// them in Node, and the rules of order pass proto/vectors, as every follower does.
package web
