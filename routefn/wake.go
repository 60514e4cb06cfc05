package routefn

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/ring"
)

// wakeNodes is how many nodes are told of a delayed message that is due before all
// of them ask: one that dies is made up for by the others.
const wakeNodes = 3

// wakeTime bounds the telling, with three rounds of nodes that do not answer.
const wakeTime = time.Second

// wake has some nodes ask to fire in wait, when a message is due then that they
// would learn of too late by themselves. It does so before the message's sender is
// answered: then it is sent in time, even if this process ends now. If no node can be
// told, it is sent within askLatest of its time.
func (rt *Route) wake(ctx context.Context, wait time.Duration) {
	if wait > askLatest {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wakeTime)
	defer cancel()
	view, err := rt.members(ctx)
	if err != nil {
		rt.cfg.Logger.Debug("no node is told when a delayed message is due", "err", err)
		rt.metrics.delayedUntold.Inc()
		return
	}
	list, told := wakeable(view.Members()), 0
	for len(list) > 0 && told < wakeNodes && ctx.Err() == nil {
		n := min(wakeNodes-told, len(list))
		told += rt.wakeAll(ctx, list[:n], max(1, wait.Milliseconds()))
		list = list[n:]
	}
	if told == 0 {
		rt.metrics.delayedUntold.Inc()
	}
}

// wakeable returns the members in random order, those that are about to leave last.
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

// wakeAll tells members at a time and returns how many answered.
func (rt *Route) wakeAll(ctx context.Context, members []ring.Member, ms int64) int {
	var told atomic.Int32
	var all sync.WaitGroup
	for _, m := range members {
		all.Go(func() {
			if _, err := rt.nodes.push(ctx, m.HTTP, &proto.PushRequest{Boot: m.Boot, Wake: ms}); err == nil {
				told.Add(1)
			}
		})
	}
	all.Wait()
	return int(told.Load())
}
