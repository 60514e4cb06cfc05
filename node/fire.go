package node

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/cim-go/cim/proto"
)

// A route says when it wants to be asked again, within these bounds.
const (
	fireSoonest = 50 * time.Millisecond
	fireLatest  = time.Second
)

// askToFire has the routes send the delayed messages that are due, one request
// after another, until ctx ends. All nodes do; which of them asks first does not
// matter, and the routes see to it that each message is sent once.
func (n *Node) askToFire(ctx context.Context) {
	retries := backoff{most: fireLatest}
	sleepUntil(ctx, time.Now().Add(rand.N(fireLatest))) // nodes that start together do not ask together
	for ctx.Err() == nil {
		next, err := n.fire(ctx)
		if err == nil {
			retries.reset()
			next = min(max(next, fireSoonest), fireLatest)
			sleepUntil(ctx, time.Now().Add(next+rand.N(next/10)))
			continue
		}
		if retries.step == 0 { // once, not every second
			n.log.Warn("no route sends delayed messages", "err", err)
		}
		n.metrics.calls.WithLabelValues("fire").Inc()
		retries.wait(ctx, err)
	}
}

// fire asks once and returns when to ask again.
func (n *Node) fire(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, n.config.CallTimeout)
	defer cancel()
	answer, err := n.config.Route.Fire(ctx, &proto.FireRequest{Origin: n.origin})
	return time.Duration(answer.GetNext()) * time.Millisecond, err
}
