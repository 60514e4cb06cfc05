// Package node has the requests of nodes, one per file. Each is a method of [Requests]
// that takes the decoded request, whose origin package routefn has checked, and returns
// the answer. A node's request comes over HTTP, over a stream or by a function call.
//
//   - Report (report.go): the events of connections. They opened (open.go), entered groups
//     (groups.go), acknowledged messages, or closed. Each item has the number of its
//     session, so that a late report changes no newer session (see record.Store).
//     received.go moves the cursor of a CIM client whose node died. While the node lives,
//     node/cim/receipt.go finds out what the client has read, and Report moves the cursor.
//   - Send (send.go): the messages that a node's connections sent.
//   - Pull (pull.go): entries of a log for connections that cannot pull themselves.
//   - Reconcile (reconcile.go): the differences between a node's connections and the
//     store.
//   - Move (move.go): tickets to other nodes, for the connections of a node that
//     drains.
//   - Fire (fire.go): due work, and the keys by which nodes verify tickets.
//
// A node must prove for each session that it got the session's ticket
// (identity.Accounts.Session). If one session, message or group of a request fails, its
// item of the answer has the error. If a method returns an error, the whole request
// failed, and the node repeats it.
//
// The package starts no goroutines that outlive a call.
package node
