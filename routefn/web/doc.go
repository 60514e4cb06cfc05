// Package web has the page that a route serves to browsers. In the page a user can chat
// with everyone, with single users, and in groups, and can make, join and leave groups.
// It is static, uses no framework, and loads nothing from another site.
//
// The page is a client like any other. It logs in over HTTP at the route that served
// it. It opens a WebSocket to the node that the answer names, and speaks the JSON form
// of frames there. It keeps the messages that it shows in the browser's local storage,
// with their positions in the logs. So later it pulls only messages that it missed.
//
// All tabs of one browser are one device. The newest tab has the connection, and only this
// tab writes the history. Each message that waits to be sent has an entry of its own in
// the storage. Any tab may add such an entry, and the connected tab sends the message.
//
// The storage is for one user at a time. A logout removes everything from the storage,
// in all tabs. If another device ends the session, everything is removed, too. The page
// also removes data that it cannot read or that belongs to another user, and shows a
// notice about that.
//
// These are the modules in page/, from the network to the screen. api.js calls the route.
// link.js is one connection. store.js is the browser's storage, and history.js keeps the
// shown and the unsent messages there. order.js puts a log in order. chat.js reads, sends
// and reconnects. view.js draws the document. groups.js has the dialogs about groups.
// main.js connects them. Tests run these modules in Node.js. order.js passes the cases of
// proto/vectors, as package proto/order does.
package web
