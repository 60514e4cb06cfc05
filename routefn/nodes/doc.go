// Package nodes calls nodes. It pushes to them, asks which users they hold, wakes them,
// and knows which of them can be reached. It queues nothing, because package push does
// that.
//
// A node is called on a stream. If the node offers no stream, or the route is a
// function, it is called by HTTP requests. A node in the same process is called by a
// function. Each call takes 300 ms at most.
//
// Goroutines: the streams have some (package proto/stream), until Close. Locks:
// Client.mu and contacts.mu are never held together.
package nodes
