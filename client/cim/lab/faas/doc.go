// Package faas runs a program as a function on this machine, as AWS Lambda does. Its users
// are cim invoke, cim up -route lambda, and tests of events that happen only in functions.
//
// A [Function] has at most Config.Most instances. Each instance is a process that handles
// one invocation at a time. A new instance starts when an event finds all others busy. An
// instance gets its events from a runtime API of its own (runtime.go). When it asks for
// the next event, SIGSTOP freezes it until that event comes. With Config.KillEvery,
// instances also die while they are frozen or in the middle of their work. On a real
// platform, that may happen, too. If the system cannot pause processes, an instance ends
// after its first event.
//
// A [Front] is the HTTP front end of a Function. It turns each request into an event, in
// one of the shapes that API Gateway, function URLs and load balancers use. It turns the
// answer into an HTTP response.
//
// The limits are Lambda's: 6 MB for an event and for an answer, 10 s to start, and a
// deadline for each invocation.
//
// Each instance has an HTTP server and one goroutine that waits for its process. Each
// invocation has one goroutine that waits until the instance is idle again. Close waits
// for all of them.
package faas
