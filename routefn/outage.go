package routefn

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cim-go/cim/proto"
)

// tellEvery is how often the log hears that requests still fail.
const tellEvery = time.Minute

// outage tells the log once in a while that requests fail because something behind
// the route is away: when it is, they all do. In a function the log is all that an
// operator sees. The zero outage is ready.
type outage struct {
	mu   sync.Mutex
	told time.Time
}

// due reports whether to tell of an error with a code now.
func (o *outage) due(code proto.Code, err error, now time.Time) bool {
	if code != proto.Unavailable && code != proto.Unknown || errors.Is(err, context.Canceled) {
		return false // a caller who left is none
	}
	now = now.Round(0) // without the monotonic clock, which may stand still while a function is frozen
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.told.IsZero() && now.Sub(o.told) < tellEvery {
		return false
	}
	o.told = now
	return true
}
