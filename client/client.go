package client

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"
)

// ErrClosed is the error after Close or Logout. If the client had stopped for another
// reason before, that reason is the error.
var ErrClosed = errors.New("the client is closed")

// Client is the connection of one account on one device. Its methods may be called
// concurrently. Make it with Connect, and end it with Close.
type Client struct {
	// Set by Connect, read by all.
	cfg     Config
	account account
	cancel  context.CancelFunc
	slots   chan struct{} // each message in the outbox takes one
	wake    chan struct{} // of size 1: there may be something to write
	pull    chan struct{} // of size 1: there may be something to read from the route
	ready   chan struct{} // closed at the first live connection
	stopped chan struct{} // closed when err is set
	wg      sync.WaitGroup

	// Owned by the goroutine that keeps the connection.
	avoid   avoidList
	since   time.Time // when the present or latest connection began
	refused int       // how many logins in a row were refused with a request to retry

	delivering sync.Mutex // held while the first message of the queue is read and written to the history

	// Guarded by mu.
	mu       sync.Mutex
	self     User
	state    State
	err      error // why the client stopped; nil while it runs
	closed   bool  // Close was called, so nothing more is written to the history
	events   []Event
	happened bell // rings for every event
	arrived  bell // rings for every delivery
	in       inbox
	out      outbox
	acks     acks
	marks    []mark // the latest delivery marks that were reported
}

// Self returns the account.
func (c *Client) Self() User {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.self
}

// Device returns the device's name.
func (c *Client) Device() string { return c.cfg.Device }

// Token returns the latest token for logins that a route gave this device. For some days,
// Connect accepts it in place of a password. Protect it like a password.
func (c *Client) Token() string {
	token, _ := c.account.routes.credentials.forLogin()
	return token
}

// Err returns why the client stopped, or nil while it runs.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// State returns the client's present state.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Event returns the next event, oldest first. It blocks until there is one. After Stopped
// it returns the reason as an error. Each event goes to one caller. While no caller
// reads, the client keeps the latest 1,024 Delivered and the latest 64 other events.
func (c *Client) Event(ctx context.Context) (Event, error) {
	for {
		c.mu.Lock()
		if len(c.events) > 0 {
			e := c.events[0]
			c.events = c.events[1:]
			c.mu.Unlock()
			return e, nil
		}
		arrived, err := c.happened.wait(), c.err
		c.mu.Unlock()
		if err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-arrived:
		}
	}
}

// Events returns the events as they come, until ctx ends or the client stops.
func (c *Client) Events(ctx context.Context) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for {
			e, err := c.Event(ctx)
			if err != nil || !yield(e) {
				return
			}
		}
	}
}

// tellLocked adds an event to those that wait. There is one limit for delivery marks, and
// one for other events. If the new event exceeds its limit, tellLocked drops the oldest
// event of that kind.
func (c *Client) tellLocked(e Event) {
	most, same := eventsKept, func(other Event) bool { return !isMark(other) }
	if isMark(e) {
		most, same = marksKept, isMark
	}
	c.events = append(c.events, e)
	n := 0
	for _, other := range c.events {
		if same(other) {
			n++
		}
	}
	if n > most {
		i := slices.IndexFunc(c.events, same)
		c.events = slices.Delete(c.events, i, i+1)
	}
	c.happened.ring()
}

// stop ends all goroutines. The error err becomes the reason why the client stopped,
// unless there is a reason already.
func (c *Client) stop(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
		c.state = State{Err: err, Stopped: true}
		for _, p := range c.out.list {
			if !p.abandoned {
				p.failLocked(err)
			}
		}
		c.out = outbox{}
		c.tellLocked(Stopped{err})
		c.arrived.ring()
		close(c.stopped)
	}
	c.mu.Unlock()
	c.cancel()
}

// poke wakes the goroutine that waits for a channel of size 1.
func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
