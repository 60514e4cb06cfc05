package routes

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

// laterError is a route's refusal with a time to retry.
type laterError struct {
	why       *proto.Error
	until     time.Time
	untouched bool // the route refused the request and did nothing for it
}

func (e *laterError) Error() string { return e.why.Error() }
func (e *laterError) Unwrap() error { return e.why }

// Until returns the time before which the call that returned err should not be
// repeated. It is zero if the route named none.
func Until(err error) time.Time {
	if later, ok := errors.AsType[*laterError](err); ok {
		return later.until
	}
	return time.Time{}
}

// Untouched reports whether the call that returned err changed nothing at the route. This
// is so if the route is overloaded, because it then refuses requests before it starts on
// them.
func Untouched(err error) bool {
	if later, ok := errors.AsType[*laterError](err); ok {
		return later.untouched
	}
	why, ok := errors.AsType[*proto.Error](err)
	return ok && why.Code == proto.Overloaded
}

// Later returns the error for a request that a route refused without changing anything.
// The parameter why is the route's refusal. The parameter until is the time from which
// the request may be repeated. The function Until gets that time from the error.
func Later(why *proto.Error, until time.Time) error {
	return &laterError{why: why, until: until, untouched: true}
}

// firstStep is the first step of a Backoff.
const firstStep = 50 * time.Millisecond

// Backoff is the pause between tries of one goroutine. Its step doubles from firstStep up
// to Most. Each pause is a random time between half a step and a whole step, so that
// nodes do not retry at the same moment. If a route named a time to retry, the pause
// begins at that time.
type Backoff struct {
	Most time.Duration // the longest step; positive
	step time.Duration // the last step; zero: the last try succeeded
}

// Next returns the time of the next try after err. A nil err means that a route answered
// the try, but did nothing.
func (b *Backoff) Next(err error) time.Time {
	b.step = min(max(2*b.step, firstStep), b.Most)
	from := time.Now()
	if until := Until(err); until.After(from) {
		from = until
	}
	return from.Add(b.step/2 + rand.N(b.step/2))
}

// Wait blocks until Next, or until ctx ends.
func (b *Backoff) Wait(ctx context.Context, err error) { Sleep(ctx, b.Next(err)) }

// Reset makes the next pause short again.
func (b *Backoff) Reset() { b.step = 0 }

// Failing reports whether Next was called since the last Reset.
func (b *Backoff) Failing() bool { return b.step > 0 }

// Sleep blocks until the given time, or until ctx ends.
func Sleep(ctx context.Context, until time.Time) { retry.Sleep(ctx, time.Until(until)) }
