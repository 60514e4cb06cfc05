package client

import (
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
	// atOnce is how often in a row a client retries without a pause, if the refusals allow
	// that. The limit keeps retries from flooding a node that refuses all clients.
	atOnce = 2
	// After a connection that has lived for settled, the client counts failures from zero
	// again.
	settled = 5 * time.Second

	avoidFor = 30 * time.Second
	avoidMax = 16 // a login may name at most this many nodes
)

// nextDelay returns the pause after the latest failure. The parameter n counts the
// failures in a row before it.
func nextDelay(n int) time.Duration {
	return retry.Delay(n, shortestDelay, longestDelay, rand.Float64())
}

// retryDelay returns the pause after err, if n tries in a row had failed before it. It
// returns false if the client must not retry. If a route named a delay, the pause is that
// delay plus up to a second at random. So clients that got the same number of seconds do
// not retry together.
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

// retryOf returns what to do after err. After a connection that broke without a reason,
// the client tries another node at once. It tries later if no route answered, and never
// again if no address is a route.
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

// nodeFailed reports whether err is the fault of the node, so that the next login should
// avoid that node.
func nodeFailed(err error) bool {
	switch codeOf(err) {
	case proto.OK, proto.GoingAway, proto.Full:
		return true
	default:
		return false
	}
}

// fatalError is an error on this machine that a retry would not change, such as an error
// of the history.
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
