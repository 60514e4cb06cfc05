// Package coalesce lets callers share a call that is expensive to repeat.
//
// # One call runs, and callers that come meanwhile share the next
//
// Five other places work in the same way: node/report.Sessions, node/forward's queue,
// routefn/push.Pusher, the writers of routefn/record and the writer of proto/stream.
// One type for all of them is not worth it. Only about ten lines in each place are the
// same: they append, and begin the next round. The other lines differ, and run under
// the same lock:
//
//	place            runs on                what waits               after a failure
//	report.Sessions  a goroutine of its own parts, by session        repeats it
//	forward queue    a goroutine of its own messages, by connection  repeats it
//	push.Pusher      one while work waits,  pushes to a node,        drops it; the node
//	                 or the caller          by boot                  reconciles
//	record writers   one while work waits   whole calls, which may   every caller gets
//	                                        be withdrawn             the error
//	stream writer    the caller that finds  bytes                    the connection ends
//	                 no one writing
//
// A shared type that only appends and takes would fit the Pusher and the writers of
// record. But both would have to use the lock of that type. The Pusher needs it to
// remember failures, and the writers need it to withdraw calls.
package coalesce

import "sync"

// Calls runs at most one call at a time. Callers that come during a call share the next
// one. So a thousand callers cost little more than one. Each caller gets the result of
// a call that began after the caller came. The zero Calls is ready.
//
// In golang.org/x/sync/singleflight, callers share the call that is already under way.
// Such a call may have read its result before they came.
type Calls[T any] struct {
	mu   sync.Mutex
	next *call[T]      // the call that has not begun; nil: no caller waits for one
	last chan struct{} // closed when the latest call is over; nil: there was none
}

// A call runs a function once for several callers, who wait for its result.
type call[T any] struct {
	before <-chan struct{} // closed when the call may begin; nil: at once
	over   chan struct{}   // closed when result and err are set
	result T
	err    error
}

// Do calls the function run, or shares the next call of another caller's function, and
// returns the result. It blocks until the current call and then the next one have ended.
// All functions that callers pass to one Calls must do the same thing.
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

// join returns the next call. If the result first is true, the caller has to run that
// call.
func (c *Calls[T]) join() (next *call[T], first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first = c.next == nil; first {
		c.next = &call[T]{before: c.last, over: make(chan struct{})}
		c.last = c.next.over
	}
	return c.next, first
}

// begin makes the next call the current one. Then no more callers can join it.
func (c *Calls[T]) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = nil
}
