// Package drain empties a node that leaves on purpose.
//
// A drain begins with Drainer.Start (drain.go). In steps it gets tickets for other nodes
// from a route and redirects clients (redirect.go), which close their connection here
// once the other one is live. Logins go on: a client that came before the routes knew of
// the drain is moved like all others. CIM connections cannot be moved. They are closed,
// and their clients come back by themselves, at another node.
//
// Departure (departure.go) is what a session keeps of its own redirection.
//
// Drainer.Run is one goroutine. It waits for Start, and returns when the node is to end
// or when its context ends. Only the counters of Status are shared, as atomics.
package drain
