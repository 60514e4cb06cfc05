// Package standstill notices that the process stood still, because it was stopped or
// its machine slept. Meanwhile its clients may have gone to other nodes. So the node
// must reconcile before it relies on the connections that it holds.
//
// There are no goroutines here. The reconciler (package report) calls Vouch while its
// steps come in time.
package standstill

import (
	"sync/atomic"
	"time"
)

// Watch has the latest time at which the node could rely on its connections. Up to then
// the process had run without a standstill, or it had just reconciled. A Watch is safe
// for concurrent use. Make it with New.
type Watch struct {
	most    time.Duration
	vouched atomic.Pointer[time.Time]
}

// New returns a Watch. Its Sure returns true for at most this duration after each Vouch.
// New counts as a Vouch.
func New(most time.Duration) *Watch {
	w := &Watch{most: most}
	w.Vouch(time.Now())
	return w
}

// Vouch records that the process ran until the given time, or had reconciled at that
// time.
func (w *Watch) Vouch(at time.Time) { w.vouched.Store(&at) }

// Sure reports whether the process cannot have stood still for long since the last
// Vouch, so that the node may rely on the connections that it holds.
func (w *Watch) Sure(now time.Time) bool { return Elapsed(*w.vouched.Load(), now) <= w.most }

// Elapsed returns the time between two times, by the monotonic or by the wall clock. It
// takes the longer one, because one of the clocks may stand still while a machine sleeps.
func Elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}
