// Package forward forwards the clients' messages to routes, and the routes' answers to
// the clients.
//
// A message waits for its route in one of four queues (queue.go). A connection always
// uses the same queue, and a queue has one request in flight (request.go). So the
// messages of a connection are stored in the order in which they were sent. Sender
// (sender.go) is the state of a connection that sends: its back-pressure and the messages
// that its client must send again.
//
// Three things keep the promise that each message is stored once and in order. First, a
// message whose outcome is unknown goes first in the next request, and later messages
// of its connection wait behind it. Second, after a message was answered Unknown, the
// queue accepts nothing else from its connection until the client has shown that it
// read the answer (refusals). Third, a message whose id may not be new is marked, so
// that a route looks for it (ids.go).
//
// # Goroutines and locks
//
// Forwarder.Run has one goroutine for each queue and returns when ctx ends. Messages
// that still wait are dropped without an answer, and their clients send them again
// elsewhere. Send runs on the connection's reader and never waits for a route.
//
// A queue's mu guards the messages that have come since the queue looked last. A
// Sender's mu guards its back-pressure. The link's lock is taken under it, so that the
// last decision about reading wins. Nothing else is called under either.
package forward
