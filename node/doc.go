// Package node is one node of a cluster. It accepts clients' connections, knows which
// users are here, forwards what clients send, and delivers what routes push.
//
// A node keeps no secrets and stores nothing. Routes keep everything that must last. The
// node reports connections that open and close, forwards messages, and pulls what it
// missed. Reports are hints. Reconciliation makes them true.
//
// # Layout
//
// A package below node does one thing, and knows the node by interfaces of at most three
// methods that it declares itself. This package wires them: node.go makes and runs the
// parts, session.go and handshake.go are what they have in common, a connection that
// belongs to a user. No package knows the Node, and only those three files do here.
// Arrows go down: a package imports only packages below it in this list.
//
//	api         the internal port: pushes, drains, health, metrics
//	cim         CIM's clients and routes
//	drain       a node that leaves on purpose
//	report      openings, closings and cursors to routes; reconciliation
//	groups      the logs of groups, in order, to the members who are here
//	forward     clients' messages to routes, and the answers back
//	tickets     who may log in
//	delayed     when to have delayed messages sent
//	hub         which user has which connections
//	pull        a few pulls at a time
//	standstill  whether the process stood still
//	routes      calls to routes, and the pause after one that failed
//	link        connections, their frames and their outboxes
//
// # Where is what
//
//	a frame of a client is handled           session.go, Handle
//	a new frame: its form                    proto/cim.proto; proto/json.go; the table in proto/doc.go
//	a new frame: from a client               session.go, Handle; the sender in client/
//	a new frame: to a client                 session.go, Push; client/link.go, handle
//	a new frame: its metrics                 link/metrics.go, commands
//	a login is judged                        tickets/identify.go
//	a session is confirmed, or displaced     handshake.go, welcome; hub/hub.go, Open
//	a session is fenced                      routefn/record/lua/open.lua, by its number;
//	                                         here session.go, evict
//	a message waits for its route            forward/queue.go
//	a repeated message is recognised         forward/ids.go marks it; routefn/record/repeat.go
//	                                         stores it once; proto/order shows it once
//	a client is slowed down                  forward/sender.go, owe
//	an answer is Unknown                     forward/queue.go, expire and settle
//	an entry of a group waits for others     groups/sequencer.go, Push
//	a gap of a group is filled               groups/catchup.go
//	a push is delivered                      deliver.go
//	an acknowledgement goes to a route       report/sessions.go, Acked
//	a lost report is made good               report/reconcile.go
//	a CIM client's gap is filled             cim/catchup.go, cim/page.go
//	a CIM client's cursor moves              cim/receipt.go
//	a client is sent to another node         drain/redirect.go
//	a slow client's frames are dropped       link/outbox.go
//
// # A session
//
// A connection is a session here: connecting, then pending from its verified login until
// a route confirms it, then open, then closed. While it is pending it sends nothing and
// is sent nothing. Entries that come for it meanwhile are remembered as the newest place
// of their log (package hub).
//
// A session ends when its link closes. The client or the network ended it, a route closed
// it (deliver.go, kick; reconciliation), a newer session of its device displaced it, or
// the node stops. Its number is then reported closed, unless a route said so itself.
//
// A session that opens is a member of its user's groups when a route has said which these
// are. Of a group that the node holds, by a lease and a sequencer that lacks nothing, a
// route only looks up whether the user belongs to it (package report, entering.go). The
// group of everyone has all users as members.
//
// Delivery marks are keys of messages that a device showed and whose senders want to
// know. They go to a route with the cursors, and come back to the senders' connections.
// They are not kept, and one may be lost.
//
// # Goroutines
//
// Node.Run owns all of them and returns when they have ended. There are those of the
// links and those of the internal port. One reports, one reconciles, four forward, eight
// pull, and eight call CIM's routes. There is one each for delayed messages, keys of
// tickets, drains and the load.
//
// Run stops them in this order. The links close, with GoingAway. Then the reports and the
// calls to CIM's routes end once nothing waits, or after half of Timeouts.Stop. Then all
// others end. Messages that wait for a route then are dropped unanswered, and their
// clients send them again elsewhere.
//
// # Locks
//
// A session's mu guards its state and is held for a few assignments. The packages below
// have locks of their own, which their doc.go names. Three pairs nest. report.Sessions
// is locked before session or groups.Sequencer, so that a report is true when it is
// made. forward.Sender or cim.CatchUp is locked before link, so that the last decision
// about reading wins and frames keep their order. hub's users are locked before hub's
// groups. Nothing else is called under any of them.
package node
