// Package tickets decides who may log in.
//
// Checker.Identify (identify.go) judges a login by its ticket alone. In open mode it
// also accepts the login of a CIM client without a ticket. If no known key verifies a
// ticket, the login waits until a route has returned the current keys (keys.go). The
// store may have come back empty, and then the routes have made a new key.
//
// The store decides, when it opens the session, whether the ticket has expired, and
// whether a newer session of its device has displaced it.
//
// Checker.Run is one goroutine, which ends with its context. One mutex guards the logins
// that wait. Nothing is called under it.
package tickets
