// Package routefn is the frame of a route: it registers users, logs them in, stores what
// they send and has it pushed to the nodes that hold the receivers.
//
// A [Route] keeps nothing that matters. Accounts, sessions and messages are in the store
// (package record), members come from the ring, and connections belong to nodes. Any
// number of routes may run, and a client or a node may call a different one every time. A
// route may be a server or a function of a cloud, which is frozen between requests.
//
// # Layout
//
// A request is one method in the package of its caller. The method takes the decoded
// request and returns the answer, and knows nothing of HTTP. The frame decodes, finds out
// who calls, sheds load, counts, gives errors their codes and writes the answer. Code
// that several callers need is a package below them. So the imports run one way, from
// the frame to the requests by caller, to the packages that they share, to record.
//
//	table.go        all requests: name, path, method, use case
//	handlers.go     who calls, and in which format: clients, CIM's clients
//	nodecall.go     nodes call by HTTP, by stream, or as functions (Direct)
//	serve.go        every request passes here; admit.go sheds load (package admission)
//	intake.go       takes bodies before a request counts, and bounds strangers per address
//	new.go          makes all parts; route.go lists them; config.go, metrics.go
//	failurelog.go   how often the log warns that requests fail
//
//	user      requests of clients           group     those about groups
//	node      requests of nodes             compat    those of CIM's clients
//
//	identity    who calls: tokens, passwords, proofs of sessions, restored accounts
//	placement   on which node a login lands
//	dispatch    stores messages and has them pushed; delivery marks
//	delayed     sends what is due; other work of the store's queue
//	push        what nodes must know: a queue and at most one request per node
//	nodes       calls nodes, and knows which can be reached
//	storecheck  whether the store lost data; the route keys
//	failure     the codes of errors
//	check, body, coalesce   judge input; read and write bodies; share calls
//
// # Where things are
//
//   - A request is added by a method in user, group, node or compat, and a line in
//     table.go. A client's request also needs its path in proto/paths.go, its bodies in
//     proto/http.go, and a method of package client. Its class is Normal unless classOf
//     in admit.go names another one, for requests that are refused earlier or later.
//   - A login is sent to a node by placement/placement.go (Place), which asks
//     ring/pick.go (Pick). While a node drains, node/move.go picks the next node.
//   - A session is fenced by its number, in the store: record/lua/open.lua and close.lua.
//     record.Store.OpenSessions and CloseSessions run them; node/open.go and
//     node/report.go call these. A ticket displaces only the session that it names:
//     placement issues the number, user/login.go the ticket.
//   - A session is ended by user/sessions.go, in the store by record/lua/revoke.lua.
//     SESSIONS.md is the page about it.
//   - A repeated message is recognised in three places. The node marks messages that may
//     be repetitions (folder node/forward, ids.go). The store searches for these
//     (record/repeat.go). A reader drops an entry that it has already (proto/order).
//   - A push is not retried. After a failure push drops what waits for the node, and has
//     it reconcile (push/queue.go, node/report/reconcile.go).
//   - A delayed message is sent when a node asks for due work: node/delayed, delayed.
//   - An error gets its code in failure. A lost account is restored in
//     identity/restore.go.
//
// # Overload
//
// A route that is overloaded refuses requests with a time to retry. It refuses messages
// first, because their senders keep them. It refuses the reports and reconciliations of
// nodes last, because they keep the cluster correct.
//
// # Goroutines
//
// Those of push (one per node for which something is queued) and of the streams outlive a
// request. [Route.Flush] waits for the pushes that are queued so far. [Route.Close] ends
// all of them. If a push fails, the node finds by reconciliation what it missed: the log
// is the truth.
package routefn
