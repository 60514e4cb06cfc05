package node

import (
	"sync/atomic"
	"time"
)

// storeTime tells the time of the store, as routes say it in their answers. No clock
// but the monotonic one of the process has a part in it.
type storeTime struct {
	begun time.Time
	ahead atomic.Int64 // of the ms since begun, in ms since 1970; zero: not known
}

// now returns ms since 1970; zero: not known.
func (t *storeTime) now() int64 {
	if ahead := t.ahead.Load(); ahead != 0 {
		return ahead + time.Since(t.begun).Milliseconds()
	}
	return 0
}

// learn takes what an answer said that arrived now; zero is nothing.
func (t *storeTime) learn(ms int64) {
	if ms != 0 {
		t.ahead.Store(ms - time.Since(t.begun).Milliseconds())
	}
}
