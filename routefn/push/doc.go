// Package push sends nodes what their connections must know: entries of logs, delivery
// marks, and which connections to close. It knows neither the use cases nor the metrics.
//
// A use case calls [Pusher.Begin], queues what it has by the methods of the [Batch], and
// sends it by [Batch.Send], which it defers where it begins:
//
//	out := pusher.Begin()
//	defer out.Send()
//	out.Deliver(from, stored)
//
// Each node has a queue (queue.go) and at most one request in flight. Items that are
// queued during a request form the next one. So an idle system pushes at once, a busy
// one pushes in large batches, and no timer is needed.
//
// A push is never retried. If a node fails one, or is too slow for its queue, the rest of
// the queue is dropped and counted. For a second nothing is sent to that node. The next
// request then asks it to reconcile, by which it finds everything: the log is the truth.
//
// Goroutines: one per node for which something is queued, until its queue is empty, and
// one per answer of a node in this process that names lost sessions. Flush waits for what
// is queued so far, Close for all of it. Locks: the mutex of the Pusher guards all
// queues, and nothing is called while it is held but the Observer.
package push
