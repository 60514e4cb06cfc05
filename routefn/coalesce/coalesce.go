// Package coalesce lets callers share a call that is expensive to repeat.
//
// # One in flight, the rest forms the next
//
// Five other places have the same idea: node/report.Sessions, node/forward's queue,
// routefn/push.Pusher, the writers of routefn/record and the writer of proto/stream. One
// type for them was considered and is not worth it. They share about ten lines each, to
// append and to begin the next round. All else differs, under the same lock:
//
//	place            runs on                what waits               after a failure
//	report.Sessions  one goroutine for good merged by session        the same again
//	forward queue    one goroutine for good ordered by connection    unknown ones first
//	push.Pusher      one while work waits,  one node's, by boot      dropped; the node
//	                 or the caller                                   reconciles
//	record writers   one while work waits   whole calls; may be      every caller has the
//	                                        withdrawn                error
//	stream writer    the caller that finds  bytes                    the connection ends
//	                 no one writing
//
// A shared type that only appends and takes would fit the Pusher and the writers. It would
// need its lock lent to both, for the memory of failures and for withdrawals.
package coalesce

import "sync"

// Calls runs at most one call at a time. Callers that come during a call share the next
// one. So a thousand callers cost little more than one, and every result is of a call
// that began after its caller came. The zero Calls is ready.
//
// It differs from golang.org/x/sync/singleflight, whose callers share the call that is
// under way. The result of that call may be older than their request.
type Calls[T any] struct {
	mu   sync.Mutex
	next *call[T]      // wanted and not begun; nil: none
	last chan struct{} // closed when the call that was wanted last is over; nil: there was none
}

// A call is a call whose result several callers wait for.
type call[T any] struct {
	before <-chan struct{} // closed when it may begin; nil: at once
	over   chan struct{}   // closed when result and err are set
	result T
	err    error
}

// Do returns the result of run, or of the run of a caller that shares the call. It
// blocks until the current call and then the next one have ended. All runs of one Calls
// must do the same.
func (c *Calls[T]) Do(run func() (T, error)) (T, error) {
	mine, first := c.join()
	if !first {
		<-mine.over
		return mine.result, mine.err
	}
	defer close(mine.over)
	if mine.before != nil {
		<-mine.before
	}
	c.begin()
	mine.result, mine.err = run()
	return mine.result, mine.err
}

// join returns the next call, and whether the caller has to run it.
func (c *Calls[T]) join() (next *call[T], first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first = c.next == nil; first {
		c.next = &call[T]{before: c.last, over: make(chan struct{})}
		c.last = c.next.over
	}
	return c.next, first
}

// begin closes the next call for joining.
func (c *Calls[T]) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = nil
}
