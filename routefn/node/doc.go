// Package node has the requests of nodes, one per file. Each is a method of [Requests]
// that takes the decoded request, whose origin package routefn has checked, and returns
// the answer. A node's request comes over HTTP, over a stream or by a function call.
//
//   - Report (report.go): which connections opened (open.go), entered groups (groups.go),
//     acknowledged and closed. A session is fenced by its number: see record.Store.
//   - Send (send.go): the messages that a node's connections sent.
//   - Pull (pull.go): entries of a log for connections that cannot pull themselves.
//   - Reconcile (reconcile.go): what differs between a node and the store.
//   - Move (move.go): tickets elsewhere for the connections of a node that drains.
//   - Fire (fire.go): due work, and the keys by which nodes verify tickets.
//
// A node must prove for each session that the session's ticket came to it: see
// identity.Accounts.Session. An error of one session, message or group is in its own
// answer. An error of a method concerns the whole request, which the node repeats.
//
// The package starts no goroutines that outlive a call.
package node
