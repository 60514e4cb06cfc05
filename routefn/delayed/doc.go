// Package delayed sends the delayed messages that are due, and does the other jobs of
// the store's work queue.
//
// A route may be a function, so it has no goroutine of its own for this. Nodes ask routes
// for due work (package node). Each answer says when to ask again, within 30 s
// (sender.go). If a message becomes due earlier, the route tells some nodes to ask
// earlier (waker.go). A process handles one such request at a time. Requests that come
// meanwhile share the next run.
//
// The delayed messages are in shards. A route leases a shard, sends the due messages in
// it, in order, and ends the lease. If a message cannot be stored, it stays due, together
// with all messages behind it for the same log (due.go). After that it does the other
// jobs of the queue (worker.go): it removes old texts, and continues the erasures of
// accounts.
//
// The package starts no goroutines.
package delayed
