// Package nodes calls nodes: it pushes to them, asks which users they hold, wakes them,
// and knows which of them can be reached. It queues nothing, see package push for that.
//
// A node is called over a stream, or by HTTP requests if it offers none or the route is a
// function. A node in the same process is a function call. All calls have 300 ms.
//
// Goroutines: those of the streams (package proto/stream), until Close. Locks: Client.mu
// and contacts.mu are never held together.
package nodes
