// Package tickets decides who may log in.
//
// Checker.Identify (identify.go) judges a login by its ticket alone. In open mode it also
// accepts the login of a CIM client without a ticket. If no known key verifies a ticket,
// the login waits until a route has returned the current keys (keys.go). New keys appear,
// for example, if the store came back empty and the routes made a new key.
//
// When the store opens the session, it decides whether the ticket has expired, and
// whether a newer session of the device has displaced this one.
//
// Checker.Run is one goroutine, which ends with its context. One mutex guards the logins
// that wait. Nothing is called under it.
package tickets
