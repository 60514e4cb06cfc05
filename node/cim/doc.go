// Package cim serves the clients and the routes of CIM, unmodified.
//
// A CIM client cannot put its logs in order and acknowledges nothing. CatchUp does both
// for one connection. It follows the logs and pulls missing entries at once (catchup.go,
// page.go). It writes entries as CIM's frames (frames.go). It finds out by pings and by
// the end of the connection what the client has read (receipt.go). Its history has the
// latest places that it has shown. It shows none of their messages again. When the store
// lost a tail, it continues from the last of these places that the log still knows.
// Notice writes a line of the system (notice.go).
//
// CIM's own routes, written in Java, push messages (push.go), and Offline calls them when
// a user has gone (offline.go), by Routes (routes.go).
//
// # Goroutines and locks
//
// A CatchUp has none. It works on the goroutines that push, read and tick, and pulls in
// package pull. Offline.Run has eight, which it waits for.
//
// CatchUp.mu guards its logs. The link's lock nests in it, so that frames keep their
// order. Nothing else is called under it. Offline.mu guards its pause and its log lines.
package cim
