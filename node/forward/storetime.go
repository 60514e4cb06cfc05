package forward

import (
	"sync/atomic"
	"time"
)

// storeTime is the store's clock, as routes report it in their answers. Between answers
// it advances by the monotonic clock of the process only.
type storeTime struct {
	begun time.Time
	ahead atomic.Int64 // the store's time in ms since 1970, less the ms since begun; zero: not known
}

// now returns the store's time in ms since 1970, or zero if it is not known.
func (t *storeTime) now() int64 {
	if ahead := t.ahead.Load(); ahead != 0 {
		return ahead + time.Since(t.begun).Milliseconds()
	}
	return 0
}

// learn sets the clock by ms, the store's time in an answer that has just arrived, in
// ms since 1970. If ms is zero, nothing changes.
func (t *storeTime) learn(ms int64) {
	if ms != 0 {
		t.ahead.Store(ms - time.Since(t.begun).Milliseconds())
	}
}
