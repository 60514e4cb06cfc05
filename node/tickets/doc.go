// Package tickets decides who may log in.
//
// Checker.Identify (identify.go) judges a login by its ticket alone, or lets it in
// without one if it is CIM's and the node is in open mode. A ticket that no known key
// verifies waits until a route was asked for the keys (keys.go): the store may have come
// back empty, and the routes made another key.
//
// Whether a ticket has expired, and whether a newer session of its device displaced it,
// is decided by the store when it opens the session.
//
// Checker.Run is one goroutine, which ends with its context. One mutex guards the logins
// that wait. Nothing is called under it.
package tickets
