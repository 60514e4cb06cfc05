// Package node is one node of a cluster. It accepts clients' connections, knows which
// users are here, forwards what clients send, and delivers what routes push.
//
// A node keeps no secrets and stores nothing. Routes keep everything that must last.
// The node reports to routes which connections open and close, forwards messages, and
// pulls what it missed. A report may be lost. Reconciliation finds what routes and node
// do not know of each other.
//
// # Layout
//
// A package below node does one thing. It knows the node only by interfaces that the
// package itself declares, with at most three methods each. This package wires them:
// node.go makes and runs the parts. session.go and handshake.go have what the parts
// share: a connection that belongs to a user. No package knows the Node, and here only
// those three files do. A package imports only packages that stand below it in this list.
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
//	metrics     the metrics of all of these, except link
//	routes      calls to routes, and the pause after one that failed
//	link        connections, their frames and their outboxes
//
// # Where is what
//
//	a frame of a client is handled           session.go, Handle
//	a new frame: its form                    proto/cim.proto, then go generate ./proto; proto/json.go;
//	                                         the table in proto/doc.go
//	a new frame: from a client               session.go, Handle; client/serve.go, collect
//	a new frame: to a client                 link/link.go, Send; if a route pushes it,
//	                                         session.go, Push, which sends CIM's clients only
//	                                         messages; client/link.go, handle
//	a new frame: on a link that lags         link/packet.go, numbered
//	a new frame: in the browser              routefn/web/page/chat.js, read; link.js
//	a new frame: caused by a route           PushItem in proto/hop.proto; routefn/push/batch.go;
//	                                         deliver.go, Push
//	a new frame: its metrics                 link/metrics.go, commands, which names the last one
//	a ticket is checked                      tickets/identify.go; its signature in proto/token,
//	                                         its expiry in routefn/record/lua/open.lua
//	a session is confirmed, or displaced     handshake.go, welcome; hub/hub.go, Open
//	a session is fenced                      routefn/record/lua/open.lua, by its number;
//	                                         here session.go, evict
//	a message waits for its route            forward/queue.go
//	a repeated message is recognised         forward/ids.go marks it; routefn/record/repeat.go
//	                                         stores it once
//	a message stored twice is shown once     client/receive.go, deliver; cim/catchup.go, has;
//	                                         routefn/web/page/history.js, has
//	a client is slowed down                  forward/sender.go, owe
//	an answer is Unknown                     forward/queue.go, expire and settle
//	an entry of a group waits for others     groups/sequencer.go, Push
//	a gap of a group is filled               groups/catchup.go
//	a push is delivered                      deliver.go
//	a push failed                            no retry: routefn/push/pusher.go, fail, drops it;
//	                                         report/reconcile.go finds what was missed
//	a delayed message is due                 delayed/delayed.go asks a route; routefn/node/fire.go
//	                                         answers; routefn/delayed/due.go sends the message;
//	                                         routefn/record/fire.go takes and removes it
//	an acknowledgement goes to a route       report/sessions.go, Acked
//	a lost report is made good               report/reconcile.go
//	a CIM client's gap is filled             cim/catchup.go, cim/page.go
//	a CIM client's cursor moves              cim/receipt.go; if the node died first,
//	                                         routefn/node/received.go
//	the node is cut off from routes          cim-server/nodeserver/state.go, readyNow;
//	                                         routes/client.go, Away
//	the node sees other members again        cim-server/nodeserver/state.go, watchOthers
//	the process stood still                  standstill/standstill.go; report/reconcile.go, Run
//	a client is sent to another node         drain/redirect.go
//	a slow client's frames are dropped       link/outbox.go
//
// # A session
//
// A connection is a session here: connecting, then pending from its verified login until
// a route confirms it, then open, then closed. While it is pending, it sends nothing
// and is sent nothing. Of the entries that come for it meanwhile, the node remembers
// the newest place in each log (package hub).
//
// A session ends when its link closes. There are five reasons: the client ended it, the
// network failed, a route closed it (deliver.go, kick; reconciliation), a newer session
// of its device displaced it, or the node stops. The node then reports that the
// session's number is closed, unless a route had said so itself.
//
// When a route has named the groups of a user, a session that opens becomes a member of
// these groups. The node holds a group if it has a lease of the group and lacks none of
// the group's entries. For such a group, a route only looks up whether the user is a
// member (package report, entering.go). The group of everyone has all users as members.
//
// A delivery mark is the key of a message that a device has shown, for a sender who
// wants to know that. Marks go to a route with the cursors, and a route pushes them to
// the senders' connections. They are not stored, and may be lost.
//
// # Goroutines
//
// Node.Run owns all goroutines and returns when they have ended. There are the
// goroutines of the links and of the internal port. One reports, one reconciles, four
// forward, eight pull, and eight call CIM's routes. There is one each for delayed
// messages, keys of tickets, drains and the load.
//
// Run stops them in this order. The links close, with GoingAway. Then the reports and the
// calls to CIM's routes end once nothing waits, or after half of Timeouts.Stop. Then all
// other goroutines end. Messages that still wait for a route are dropped unanswered, and
// their clients send them again elsewhere.
//
// # Locks
//
// A session's mu guards its state and is held only for a few assignments. The packages
// below have locks of their own, which their doc.go names. Three pairs of locks nest.
// report.Sessions is locked before session or groups.Sequencer, so that a report is true
// when it is made. forward.Sender or cim.CatchUp is locked before link, so that the last
// decision about reading wins and frames keep their order. hub's users are locked before
// hub's groups. Nothing else is called under any of them.
package node
