// Package report keeps the routes' records of this node's sessions true.
//
// Sessions (sessions.go) reports connections that open and close, and what devices
// acknowledged. If the user of a session has groups, the node first enters these groups,
// and the session is confirmed after that (entering.go). A report may be lost. So
// Reconciler (reconcile.go) compares everything that the node holds with the records, in
// steps, and finds what the reports missed.
//
// Sessions repeats a report until a route takes it. That is harmless for each part of a
// report. One report is in flight, and everything that happens meanwhile forms the next
// one.
//
// # Goroutines and locks
//
// Sessions.Run and Reconciler.Run are one goroutine each. Sessions.Run ends when the
// node has closed its connections and nothing waits. Reconciler.Run ends with its
// context.
//
// Sessions.mu guards everything that waits. The locks of a session and of a group are
// taken under it, because a report says what is true when it is made (Opener.Opening,
// Groups.Held). After a route has answered, Sessions calls sessions and groups without
// holding the lock.
package report
