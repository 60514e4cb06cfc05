package failure

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cim-go/cim/proto"
)

// warnEvery is the least time between two warnings about failed requests in the log.
const warnEvery = time.Minute

// Log limits the warnings about failed requests to one per minute. If the store or
// another server is away, all requests fail. The operator of a function then sees only
// the log. The zero Log is ready.
type Log struct {
	mu     sync.Mutex
	warned time.Time
}

// Due reports whether the caller should log a warning at the time now. The other
// parameters are the error and its code. Due returns false if the caller of the failed
// request has left. It compares wall clock times, because the monotonic clock may stand
// still while a function is frozen.
func (f *Log) Due(code proto.Code, err error, now time.Time) bool {
	if code != proto.Unavailable && code != proto.Unknown || errors.Is(err, context.Canceled) {
		return false
	}
	now = now.Round(0)
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.warned.IsZero() && now.Sub(f.warned) < warnEvery {
		return false
	}
	f.warned = now
	return true
}
