// Package push sends items to nodes. The items are entries of logs and delivery marks for
// the nodes' connections, and requests to close connections. It knows neither the use
// cases nor the metrics.
//
// A use case calls [Pusher.Begin], queues items by the methods of the [Batch], and
// sends them by [Batch.Send], which it defers at the beginning:
//
//	out := pusher.Begin()
//	defer out.Send()
//	out.Deliver(from, stored)
//
// Each node has a queue (queue.go) and at most one request in flight. Items that are
// queued during a request form the next one. So an idle system pushes at once, a busy
// system pushes in large batches, and no timer is needed.
//
// A push is never retried. If a push fails, all that waits for the node is dropped and
// counted (pusher.go, fail). For a second after that, nothing is queued for the node. If
// the queue of a slow node is full, further items are dropped. In both cases, the next
// request asks the node to reconcile (queue.go, reconcile). To reconcile, a node compares
// its sessions with the store and fetches the entries that it missed. If no request
// follows, the node reconciles by itself within 30 s. So the node finds everything that it
// missed, because the log has it all.
//
// Goroutines: one per node for which something is queued, until the node's queue is empty.
// Also one per answer of a node in this process that names lost sessions. Flush waits for
// the pushes that are queued so far, and Close for all pushes. Locks: the mutex of the
// Pusher guards all queues. While it is held, only the Observer is called.
package push
