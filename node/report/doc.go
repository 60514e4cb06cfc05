// Package report keeps the routes' records of this node's sessions true.
//
// Sessions (sessions.go) reports connections that open and close, and what devices
// acknowledged. A session of a user with groups is confirmed after its groups were
// entered (entering.go). Reports are hints: Reconciler (reconcile.go) compares everything
// that the node holds with the records, in steps, and so finds what a report missed.
//
// A report is made until a route takes it, because its parts may be repeated. One is in
// flight, and what happens meanwhile forms the next one.
//
// # Goroutines and locks
//
// Sessions.Run and Reconciler.Run are one goroutine each. Sessions.Run ends when the node
// has closed its connections and nothing waits, Reconciler.Run with its context.
//
// Sessions.mu guards what waits. The locks of a session and of a group nest in it,
// because a report says what is true at its making (Opener.Opening, Groups.Held). The
// outcomes of a report are handed out without it.
package report
