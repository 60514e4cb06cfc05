package tickets

import (
	"context"
	"time"

	"github.com/cim-go/cim/node/routes"
	"github.com/cim-go/cim/proto"
)

const (
	// keysSoonest is the least time between two calls for keys. It bounds the calls
	// that a stranger with forged tickets can cause.
	keysSoonest = 250 * time.Millisecond
	// maxUnverified is how many logins wait for the keys. Others are refused as
	// Unavailable and come back later.
	maxUnverified = 1024
)

// Login is a login that waits for the keys.
type Login interface {
	// Judge checks the login again after the keys were read. The parameter settled is
	// false if no route answered, or if the route was not sure that it knows all keys.
	Judge(f *proto.Frame, settled bool)
}

// unverified is a login with a ticket that no known key verifies.
type unverified struct {
	login Login
	frame *proto.Frame
}

// Wait queues the login, which is judged after the next call for keys. One call serves
// all logins that were queued before it. Wait returns false if there is no room, and
// does not block.
func (c *Checker) Wait(l Login, f *proto.Frame) bool {
	c.mu.Lock()
	room := len(c.waiting) < maxUnverified
	if room {
		c.waiting = append(c.waiting, unverified{l, f})
	}
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return room
}

// Run calls for keys when logins wait for them, one call at a time, until ctx ends.
func (c *Checker) Run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		again := time.Now().Add(keysSoonest)
		c.readKeys(ctx)
		routes.Sleep(ctx, again)
	}
}

// readKeys makes one call and judges the logins that waited for it.
func (c *Checker) readKeys(ctx context.Context) {
	c.mu.Lock()
	waiting := c.waiting
	c.waiting = nil
	c.mu.Unlock()
	if len(waiting) == 0 {
		return
	}
	answer, err := c.config.Poller.Poll(ctx, true)
	if err != nil {
		c.config.Logger.Warn("keys of tickets cannot be read", "err", err)
		c.config.Failed.Inc()
	}
	settled := err == nil && !answer.Unsettled
	for _, u := range waiting {
		u.login.Judge(u.frame, settled)
	}
}
