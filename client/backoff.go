package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

const (
	shortestDelay = 500 * time.Millisecond
	longestDelay  = 30 * time.Second
	// atOnce is how often in a row a client retries without a pause after a refusal
	// that asks for that. A node that refuses all clients at once must not be flooded
	// with retries.
	atOnce = 2
	// settled is how long a connection must have lived for its end to count as the
	// first of a row.
	settled = 5 * time.Second

	avoidFor = 30 * time.Second
	avoidMax = 16 // as many as a login may have
)

// nextDelay returns the pause before try n, from 0, of a row of failures.
func nextDelay(n int) time.Duration {
	return retry.Delay(n, shortestDelay, longestDelay, rand.Float64())
}

// retryDelay returns the pause after err, when n tries in a row have failed before.
// It returns false if the client must not retry. If a route named a delay, the
// pause is that long or up to a second longer. Many clients get the same number of
// whole seconds, and this spreads them.
func retryDelay(err error, n int) (time.Duration, bool) {
	var refused *codeError
	if errors.As(err, &refused) && refused.after > 0 {
		return refused.after + nextDelay(min(n, 1)), refused.code.Code.Retry() != proto.RetryNever
	}
	switch retryOf(err) {
	case proto.RetryNever:
		return 0, false
	case proto.RetryNow:
		if n < atOnce {
			return 0, true
		}
		return nextDelay(n - atOnce), true
	default:
		return nextDelay(n), true
	}
}

// retryOf returns what to do after err. A connection that broke without a reason is
// tried again at once, at another node. A route that did not answer is tried later.
// An address that is no route is not tried again.
func retryOf(err error) proto.Retry {
	var code *proto.Error
	switch {
	case errors.As(err, new(*fatalError)), errors.Is(err, ErrNotRoute) && !errors.Is(err, ErrNoRoute):
		return proto.RetryNever
	case errors.As(err, &code):
		return code.Code.Retry()
	case errors.Is(err, ErrNoRoute):
		return proto.RetryLater
	default:
		return proto.RetryNow
	}
}

// nodeFailed reports whether the node is to blame for err, so that the next login
// should avoid it.
func nodeFailed(err error) bool {
	switch codeOf(err) {
	case proto.OK, proto.GoingAway, proto.Full:
		return true
	default:
		return false
	}
}

// pause waits for d, or returns false when ctx ends.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// fatalError is a trouble on this machine that a retry does not change.
type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }

func (e *fatalError) Unwrap() error { return e.err }

// avoidList names the nodes that just failed. The zero value is empty.
type avoidList struct {
	entries []avoided // oldest first
}

type avoided struct {
	node  string
	until time.Time
}

func (a *avoidList) addAt(node string, now time.Time) {
	a.entries = slices.DeleteFunc(a.entries, func(e avoided) bool { return e.node == node })
	a.entries = append(a.entries, avoided{node, now.Add(avoidFor)})
	a.entries = a.entries[max(0, len(a.entries)-avoidMax):]
}

func (a *avoidList) at(now time.Time) []string {
	a.entries = slices.DeleteFunc(a.entries, func(e avoided) bool { return !now.Before(e.until) })
	var nodes []string
	for _, e := range a.entries {
		nodes = append(nodes, e.node)
	}
	return nodes
}
