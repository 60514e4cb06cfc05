// Package drain empties a node that leaves on purpose.
//
// A drain begins with Drainer.Start (drain.go). In steps it gets tickets for other
// nodes from a route and redirects clients (redirect.go). A client closes its
// connection here once its new one is live. Logins go on, because routes do not know of
// the drain at once. Clients that log in late are moved like all others. CIM
// connections cannot be moved. They are closed, and their clients come back by
// themselves, at another node.
//
// Departure (departure.go) is the part of a session that records its redirection.
//
// Drainer.Run is one goroutine. It waits for Start, and returns when the node is to end
// or when its context ends. Only the counters of Status are shared, as atomics.
package drain
