// Package routefn is a route. A route registers users, logs them in, stores their
// messages, and pushes these to the nodes at which the receivers are connected. This
// package is the frame around the requests, which are in its subpackages.
//
// A [Route] has no data that must survive it. Accounts, sessions and messages are in the
// store (package record), the members of the cluster come from the ring, and connections
// belong to nodes. Any number of routes may run, and a client or a node may call a
// different one every time. A route may be a server. It may also be a cloud function,
// which is frozen between requests.
//
// # Layout
//
// A request is one method in the package of its caller. The method takes the decoded
// request and returns the answer, and knows nothing of HTTP. The frame decodes the
// request, finds out who calls, sheds load, counts, gives errors their codes and writes
// the answer. Code that the requests of several callers need is in packages of its own.
// So imports run one way: from the frame to the packages of requests, from these to the
// packages that they share, and from these to record.
//
//	table.go        all requests: name, path, method, use case
//	handlers.go     who calls, and in which format: clients, CIM's clients
//	nodecall.go     nodes call by HTTP, by stream, or as functions (Direct); callerOf checks
//	                their keys or their token by ../proto/cert/gate.go
//	serve.go        every request passes here; admit.go sheds load (package admission)
//	intake.go       takes bodies before a request counts, and bounds strangers per address
//	new.go          makes all parts, which route.go lists; config.go
//
//	user      requests of clients           group     requests of clients about groups
//	node      requests of nodes             compat    requests of CIM's clients
//	contact   requests of clients about contacts, blocks and consent
//	moderation  reports of messages, and the moderators' queue
//	takeout     what the store has of one account, in pages
//
//	identity    who calls: tokens, passwords, proofs of sessions, restored accounts
//	egress      fetches what is at a URL that somebody else gives
//	placement   on which node a login lands
//	dispatch    stores messages and pushes them; delivery marks
//	delayed     sends what is due; other work of the store's queue
//	push        what nodes must know: a queue and at most one request per node
//	nodes       calls nodes, and knows which can be reached
//	storecheck  whether the store lost data; the route keys
//	failure     the codes of errors; how often the log warns that requests fail
//	limit       what one account, one group and one address may cost others
//	trail       what the audit log says of a request
//	naming      which names new accounts and groups may have
//	check       judges input
//	body        reads and writes bodies
//	coalesce    lets callers share one call
//	metrics     what a route counts and times
//
// # Where things are
//
// A path that begins with ../ is outside of this folder.
//
//   - To add a request, write a method in user, group, contact, moderation, takeout, node or compat, and a line
//     in table.go. The line names a function of handlers.go or nodecall.go that says who
//     may call: fromCaller (a token and a body), fromQuery and linesFromQuery (a token and a query),
//     fromAnybody (no token), fromUnjudged (the method itself makes the store judge the
//     token), fromCIM or fromNode. Add the name to the comment of Route.Only. If the
//     request changes an identity or a right, add it to the variable audited in
//     package trail. Overload refuses the request as one of class Normal, unless classOf in
//     admit.go names another class.
//   - A client's request also needs its path in ../proto/paths.go, its bodies in
//     ../proto/http.go, and a method of package client. A node's request also needs its
//     path in ../proto/paths.go, its bodies in ../proto/hop.proto, a method of Direct in
//     nodecall.go, and a method in ../node/routes/calls.go.
//   - A login is sent to a node by placement/placement.go (Place), which asks ../ring/pick.go
//     (Pick). The flag -policy of cim-route sets how. nodes/contacts.go knows which nodes
//     cannot be reached, and ../ring/view.go how much load a node may have. While a node
//     drains, node/move.go picks the next node.
//   - A session is fenced by its number, in the store: record/lua/open.lua and close.lua.
//     record.Store.OpenSessions and CloseSessions run them; node/open.go and
//     node/report.go call these. placement/placement.go issues the number of a session.
//     user/login.go makes its ticket, which names the session that the new one may
//     displace.
//   - A refresh token is used in user/refresh.go, and checked by record/lua/refresh.lua.
//   - A user ends sessions by user/sessions.go, and in the store by record/lua/revoke.lua.
//     SESSIONS.md is the page about it.
//   - A repeated message is recognised in three places. The node marks messages that may
//     be repetitions (../node/forward/ids.go). The store searches for the marked ones
//     (record/repeat.go). If a message was stored twice nevertheless, a client shows it
//     once, because its history has the key: ../client/receive.go (deliver), for CIM's
//     clients ../node/cim/catchup.go (has), in the browser web/page/history.js (has). An
//     entry that is pushed twice is dropped by ../proto/order.
//   - A push is never retried. If it fails, push/pusher.go (fail) drops all that waits for
//     the node. For a second after that, nothing is queued for the node. The next push
//     asks the node to reconcile: ../node/deliver.go and ../node/report/reconcile.go.
//   - A delayed message takes these steps. A node asks for due work (../node/delayed).
//     node/fire.go answers it. record/fire.go (Take) takes the due messages from the
//     store. delayed/due.go sends them. record/fire.go (Finish) removes them from the
//     store.
//   - user/delete.go only begins to delete an account. A job of the store's queue does
//     the rest, also after a crash: delayed/worker.go (erase), record/erase.go and
//     record/erasure/erasure.go (EndErasure).
//   - To add a limit, add a field of Limits and its default in limit/limit.go, its name in
//     limit/parse.go (settings), and a line in LIMITS.md. The store counts: requests of an
//     account in record/pass (Budget), and messages in record/rate.go.
//   - An error gets its code in failure. A lost account is restored in
//     identity/restore.go.
//
// # Overload
//
// A route that is overloaded refuses requests with a time to retry. It refuses messages
// first, because their senders can send them again. It refuses the reports and
// reconciliations of nodes last, because these keep the cluster correct.
//
// # Goroutines
//
// Two kinds of goroutines outlive a request: those of push, one per node for which
// something is queued, and those of the streams. [Route.Flush] waits for the pushes that
// are queued so far. [Route.Close] ends all of them. If a push fails, the node finds by
// reconciliation what it missed, because the log has everything.
package routefn
