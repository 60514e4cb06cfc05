// Package standstill notices that the process stood still: it was stopped, or its
// machine slept. Meanwhile its clients may have gone to other nodes, so a node must
// reconcile before it acts on the state that it holds.
//
// There are no goroutines here. The reconciler (package report) calls Vouch while its
// steps come in time.
package standstill

import (
	"sync/atomic"
	"time"
)

// Watch has the latest time at which the process is known to have run, or to have
// reconciled. It is safe for concurrent use. Make it with New.
type Watch struct {
	most    time.Duration
	vouched atomic.Pointer[time.Time]
}

// New returns a watch that is sure for most from now on.
func New(most time.Duration) *Watch {
	w := &Watch{most: most}
	w.Vouch(time.Now())
	return w
}

// Vouch records that the process ran until a time, or has reconciled since.
func (w *Watch) Vouch(at time.Time) { w.vouched.Store(&at) }

// Sure reports whether the node may act on what it holds.
func (w *Watch) Sure(now time.Time) bool { return Elapsed(*w.vouched.Load(), now) <= w.most }

// Elapsed returns the time from from to to, by the monotonic or by the wall clock,
// whichever shows more. One of them stands still while a machine sleeps.
func Elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}
