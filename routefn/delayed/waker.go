package delayed

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/nodes"
)

const (
	// wokenNodes is how many nodes are woken for a delayed message that is due before
	// their next call. If one of them dies, another one still calls.
	wokenNodes = 3
	// wakeTimeout bounds the time for waking nodes. It is enough for three rounds of
	// nodes that do not answer.
	wakeTimeout = time.Second
)

// Counter counts delayed messages for which no node could be woken.
type Counter interface{ Inc() }

// A Waker makes nodes ask for due work in time. All fields are required.
type Waker struct {
	Members func(context.Context) (*ring.View, error)
	Nodes   *nodes.Client
	Untold  Counter
	Log     *slog.Logger
}

// Wake makes some nodes ask for due work when the duration in the parameter wait is over.
// If that is longer than AskLatest, Wake does nothing, because nodes then call in time by
// themselves. If no node can be reached, the message is late by AskLatest at most.
//
// Call Wake before the message's sender gets the answer. Then the message is sent in time
// even if this process ends afterwards.
func (w *Waker) Wake(ctx context.Context, wait time.Duration) {
	if wait > AskLatest {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wakeTimeout)
	defer cancel()
	view, err := w.Members(ctx)
	if err != nil {
		w.Log.Debug("no node could be woken for a delayed message", "err", err)
		w.Untold.Inc()
		return
	}
	list, woken := wakeable(view.Members()), 0
	for len(list) > 0 && woken < wokenNodes && ctx.Err() == nil {
		n := min(wokenNodes-woken, len(list))
		woken += w.Nodes.Wake(ctx, list[:n], wait)
		list = list[n:]
	}
	if woken == 0 {
		w.Untold.Inc()
	}
}

// WakeAll makes all nodes ask for due work now. The answer tells them that the store lost
// something, and then they report the sessions that they hold. If the members are unknown,
// WakeAll does nothing, and the nodes call within AskLatest.
func (w *Waker) WakeAll(ctx context.Context) {
	view, err := w.Members(ctx)
	if err != nil {
		return
	}
	for members := view.Members(); len(members) > 0 && ctx.Err() == nil; {
		n := min(len(members), nodes.AtATime)
		w.Nodes.Wake(ctx, members[:n], 0)
		members = members[n:]
	}
}

// wakeable returns the members in random order, with draining ones at the end.
func wakeable(members []ring.Member) []ring.Member {
	list := slices.Clone(members)
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	leaves := func(m ring.Member) int {
		if m.State == ring.Draining {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(list, func(a, b ring.Member) int { return leaves(a) - leaves(b) })
	return list
}
