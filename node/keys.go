package node

import (
	"context"
	"sync"
	"time"

	"github.com/cim-go/cim/proto"
)

const (
	// keysSoonest is the least between two questions for keys: a stranger with tickets
	// of his own making has the routes asked no more than that.
	keysSoonest = 250 * time.Millisecond
	// maxUnverified is how many logins wait for an answer. Those that find no room are
	// told to come back later.
	maxUnverified = 1024
)

// keys asks the routes for the keys of tickets when one came that no key verifies: the
// store may have come back empty, and the routes made another. One question is for all
// logins that came before it; there is one at a time.
type keys struct {
	node *Node
	wake chan struct{} // holds one

	mu      sync.Mutex
	waiting []unverified
}

// unverified is a login whose ticket no key verifies.
type unverified struct {
	session *session
	frame   *proto.Frame
}

func newKeys(n *Node) *keys { return &keys{node: n, wake: make(chan struct{}, 1)} }

// wait has the login judged after the next question, and reports whether there was room.
func (k *keys) wait(s *session, f *proto.Frame) bool {
	k.mu.Lock()
	room := len(k.waiting) < maxUnverified
	if room {
		k.waiting = append(k.waiting, unverified{s, f})
	}
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
	return room
}

// run asks until ctx ends.
func (k *keys) run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-k.wake:
		}
		again := time.Now().Add(keysSoonest)
		k.ask(ctx)
		sleepUntil(ctx, again)
	}
}

// ask asks once and judges the logins that waited for that.
func (k *keys) ask(ctx context.Context) {
	k.mu.Lock()
	waiting := k.waiting
	k.waiting = nil
	k.mu.Unlock()
	if len(waiting) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, k.node.config.CallTimeout)
	defer cancel()
	answer, err := k.node.ask(ctx, true)
	if err != nil {
		k.node.log.Warn("no route tells the keys of tickets", "err", err)
		k.node.metrics.calls.WithLabelValues("keys").Inc()
	}
	settled := err == nil && !answer.Unsettled
	for _, u := range waiting {
		u.session.judge(u.frame, settled)
	}
}
