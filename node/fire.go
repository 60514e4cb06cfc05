package node

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cim-go/cim/proto"
)

// A route says when it wants to be asked again, within these bounds.
const (
	fireSoonest = 50 * time.Millisecond
	fireLatest  = 30 * time.Second
	// fireRetry is the longest pause when no route answers.
	fireRetry = time.Second
	// fireSpread is within what nodes ask that were told the same time. What is due is
	// sent for the first of them.
	fireSpread = 250 * time.Millisecond
)

// asker has the routes send the delayed messages that are due. All nodes ask; which
// of them does so first does not matter, and the routes see to it that each message
// is sent once. A route has no time of its own: it tells nodes when to ask, with
// each answer and, of what is due before that, with a push.
type asker struct {
	wake chan struct{} // holds one: at is sooner than it was

	mu sync.Mutex
	at time.Time // when to ask next
}

// newAsker returns one that first asks within a second: nodes that start together
// do not ask together.
func newAsker() *asker {
	return &asker{wake: make(chan struct{}, 1), at: time.Now().Add(rand.N(time.Second))}
}

// sooner has the routes asked in wait, unless they are before.
func (a *asker) sooner(wait time.Duration) {
	at := time.Now().Add(wait + rand.N(fireSpread))
	a.mu.Lock()
	earlier := at.Before(a.at)
	if earlier {
		a.at = at
	}
	a.mu.Unlock()
	if !earlier {
		return
	}
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// next returns when to ask.
func (a *asker) next() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at
}

// begin makes way for the next time: whatever is told from now on counts.
func (a *asker) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = time.Now().Add(fireLatest + fireSpread)
}

// wait blocks until it is time to ask, or ctx ends.
func (a *asker) wait(ctx context.Context) {
	for {
		at := a.next()
		if !time.Now().Before(at) {
			return
		}
		timer := time.NewTimer(time.Until(at))
		select {
		case <-timer.C:
		case <-a.wake:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// AskToFire has a route asked within a second whether delayed messages are due. Call
// it when members have gone: perhaps they alone were told of some.
func (n *Node) AskToFire() { n.asker.sooner(rand.N(time.Second - fireSpread)) }

// askToFire asks one time after another, until ctx ends.
func (n *Node) askToFire(ctx context.Context) {
	retries := backoff{most: fireRetry}
	for {
		n.asker.wait(ctx)
		if ctx.Err() != nil {
			return
		}
		n.asker.begin()
		next, err := n.fire(ctx)
		if err == nil {
			retries.reset()
			n.asker.sooner(min(max(next, fireSoonest), fireLatest))
			continue
		}
		if retries.step == 0 { // once, not every second
			n.log.Warn("no route sends delayed messages", "err", err)
		}
		n.metrics.calls.WithLabelValues("fire").Inc()
		n.asker.sooner(time.Until(retries.next(err)))
	}
}

// fire asks once and returns when to ask again. It takes over the keys of tickets,
// which may have been changed.
func (n *Node) fire(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, n.config.CallTimeout)
	defer cancel()
	answer, err := n.ask(ctx, false)
	if err != nil {
		return 0, err
	}
	return time.Duration(answer.GetNext()) * time.Millisecond, nil
}

// ask asks a route to fire, or only what tickets verify with. It takes over the keys, and
// reports all that the node holds when the store has lost something.
func (n *Node) ask(ctx context.Context, keys bool) (*proto.FireAnswer, error) {
	asked := n.config.Now()
	answer, err := n.config.Route.Fire(ctx, &proto.FireRequest{Origin: n.origin, Keys: keys, Time: asked.UnixMilli()})
	if err != nil {
		return nil, err
	}
	n.clocks.Saw(answer.GetRoute(), answer.GetTime(), asked, n.config.Now())
	if err := n.config.Verifier.Learn(answer.GetKeys(), time.Now()); err != nil {
		n.log.Warn("route tells no keys of tickets", "err", err)
	}
	if lost := answer.GetLost(); lost != 0 && n.lost.Swap(lost) != lost {
		n.log.Warn("the store has lost something: all connections are reported again")
		n.Reconcile()
	}
	return answer, nil
}
