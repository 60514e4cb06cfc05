package client

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
)

const (
	shortestDelay = 500 * time.Millisecond
	longestDelay  = 30 * time.Second
	// atOnce is how often in a row a client comes back without a pause when it was
	// told to. A node that sends everybody away at once must not be hammered.
	atOnce = 2
	// settled is how long a connection must have lived for its end to count as the
	// first of a row.
	settled = 5 * time.Second

	avoidFor = 30 * time.Second
	avoidMax = 16 // what a login takes
)

// nextDelay is the pause before try number n, from 0, of a row of failures:
// exponential with full jitter, so that clients that lost the same node do not
// come back together. roll is uniform in [0, 1).
func nextDelay(n int, roll float64) time.Duration {
	ceiling := longestDelay
	if n < 6 { // 500 ms << 6 is above 30 s
		ceiling = shortestDelay << n
	}
	return time.Duration(roll * float64(ceiling))
}

// retryDelay is the pause after err, when n tries in a row have failed before.
// It is false if the client must not come back. Where a route said when to, it is
// never sooner, and later by a second at most: many are told the same number of whole
// seconds, and have their turn within that.
func retryDelay(err error, n int) (time.Duration, bool) {
	var refused *codeError
	if errors.As(err, &refused) && refused.after > 0 {
		return refused.after + nextDelay(min(n, 1), rand.Float64()), refused.code.Code.Retry() != proto.RetryNever
	}
	switch retryOf(err) {
	case proto.RetryNever:
		return 0, false
	case proto.RetryNow:
		if n < atOnce {
			return 0, true
		}
		return nextDelay(n-atOnce, rand.Float64()), true
	default:
		return nextDelay(n, rand.Float64()), true
	}
}

// retryOf is what to do after err. A connection that broke without a word is
// tried again at once, elsewhere; a route that did not answer later; what is no route
// at any address never.
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

// nodeFailed reports whether err speaks against the node it happened at, so that
// the next login should choose around it.
func nodeFailed(err error) bool {
	switch codeOf(err) {
	case proto.OK, proto.GoingAway, proto.Full:
		return true
	default:
		return false
	}
}

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
