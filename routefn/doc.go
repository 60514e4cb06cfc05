// Package routefn directs: it registers, logs in, stores what is sent and pushes
// it to the nodes that hold the receivers. One use case stands in one file; each
// is an http.HandlerFunc of [Route] that works alone, as a function in a cloud,
// or together with all others, as a server: see [Route.Handler] and [Route.Only].
//
// A Route keeps nothing that matters. Accounts, sessions and messages are in the
// store (package record), members come from the ring, and connections belong to
// nodes. Any number of routes may run; a client or a node may ask a different one
// every time.
//
// Three kinds of callers come in by three doors:
//
//   - Clients speak JSON under /v1/, decoded strictly, with a token from the login
//     (register.go, login.go, logout.go, send.go, pull.go, ack.go, delivered.go,
//     online.go, user.go, schedule.go, scheduled.go, cancel.go, group_*.go, groups.go).
//     The store judges the token, in the round trip of what is read anyway (auth.go).
//   - Nodes speak protobuf under /node/, with the service token, and prove for each
//     session that its ticket came to them (node_*.go, session.go).
//   - CIM's clients speak CIM's JSON (cim*.go), in open mode only. These handlers
//     translate to the same use cases and decide nothing themselves.
//
// What there is too much of is told to come back later (admit.go, package
// admission): messages first, which their senders keep, and last of all what
// nodes report and reconcile, which keeps the cluster true.
//
// Delayed messages are sent when a node asks for it (fire.go): a function has no time
// of its own. A node is told with each answer when to ask again, within 30 s, and
// some nodes are told of what is scheduled to be due before that (wake.go).
//
// Who asked whether a message was shown is told when the receiver's device says so
// (confirm.go), if he is connected at that moment; he may ask at any time
// (delivered.go).
//
// A store that comes back empty, or older, is filled again by those who live
// (keeper.go, adopt.go): beside what it serves a route looks once a second whether the
// store is the one it was, puts the route key back or takes over the one that another
// route made, and tells the nodes, which report what they hold. In open mode an account
// is made again from a token or a proof, with its id. For 35 s nobody is told that
// something is not there: it may be soon.
//
// The only goroutines are those of the pusher (push.go): one for each node that
// there is something for at the moment. [Route.Flush] waits for what was queued
// so far, [Route.Close] for all of it. Whatever a push fails to do, a node finds
// by reconciliation: the log is the truth.
package routefn
