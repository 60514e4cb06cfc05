package forward

import (
	"sync/atomic"
	"time"
)

// storeTime is the store's clock, as routes report it in their answers. Between answers
// it runs with the monotonic clock of the process, and with no other.
type storeTime struct {
	begun time.Time
	ahead atomic.Int64 // of the ms since begun, in ms since 1970; zero: not known
}

// now returns ms since 1970, or zero if the time is not known.
func (t *storeTime) now() int64 {
	if ahead := t.ahead.Load(); ahead != 0 {
		return ahead + time.Since(t.begun).Milliseconds()
	}
	return 0
}

// learn takes the time, in ms since 1970, of an answer that has just arrived. Zero
// changes nothing.
func (t *storeTime) learn(ms int64) {
	if ms != 0 {
		t.ahead.Store(ms - time.Since(t.begun).Milliseconds())
	}
}
