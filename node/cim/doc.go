// Package cim serves the clients and the routes of CIM, unmodified.
//
// A CIM client cannot put its logs in order and acknowledges nothing. CatchUp does both
// for one connection. It follows the logs and pulls missing entries at once (catchup.go,
// page.go). It writes entries as CIM's frames (frames.go). It finds out by pings and by
// the end of the connection what the client has read (receipt.go). It remembers the
// latest places that it has shown, and shows none of their messages again. When the store
// has lost the tail of a log, CatchUp continues from the last of these places that the
// log still has. Notice writes a line in the name of the system (notice.go).
//
// CIM's own routes, written in Java, push messages to the node (push.go). When a user
// has gone, Offline reports that to them (offline.go), with the client Routes
// (routes.go).
//
// # Goroutines and locks
//
// A CatchUp has no goroutine. It works on the goroutines that push, read and tick, and
// its pulls run in package pull. Offline.Run has eight goroutines, and returns when they
// have ended.
//
// CatchUp.mu guards the logs of a CatchUp. Under CatchUp.mu, only the link's lock is
// taken, so that frames keep their order. Nothing else is called under CatchUp.mu.
// Offline.mu guards the pause and the log lines of Offline.
package cim
