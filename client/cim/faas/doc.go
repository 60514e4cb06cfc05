// Package faas runs a function program as AWS Lambda does, on this machine: for
// cim invoke, for cim up -route lambda, and for tests of what only happens there.
//
// A [Function] has up to Config.Most instances, each a process of its own with one
// invocation at a time. An instance is started when an event finds all others at
// work, gets its events from a runtime API of its own (runtime.go), and is frozen
// by SIGSTOP from when it asks for the next event until there is one. With
// Config.KillEvery instances die as well, frozen or in the middle of their work:
// a platform promises nothing else. Where the system cannot pause processes, an
// instance ends after its first event.
//
// A [Front] stands before a Function as an HTTP front end does: it makes an event
// of each request, in one of the shapes that API Gateway, function URLs and load
// balancers use, and a response of the answer.
//
// The limits are Lambda's: 6 MB for an event and for an answer, ten seconds to
// start, a deadline for each invocation.
//
// Each instance has an HTTP server and one goroutine that waits for its process;
// each invocation one that waits until the instance is at rest again. Close waits
// for all of them.
package faas
