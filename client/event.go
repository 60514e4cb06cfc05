package client

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
)

// Event is something that happened to the client rather than in a conversation:
// Connected, Disconnected, Trimmed, Delivered or Stopped. Its String is a sentence
// for people.
type Event interface {
	fmt.Stringer
	event()
}

// Connected says that the client holds a live connection.
type Connected struct {
	Node  proto.Node
	Moved bool // a node that is leaving handed the connection over to this one
}

// Disconnected says that a connection was lost, or that a try to make one failed.
type Disconnected struct {
	Node    proto.Node // that was lost or not reached; zero: the route chose none
	Err     error
	RetryIn time.Duration // until the next try
}

// Trimmed says that messages were removed from a log before this client could
// read them: the log is kept for a limited time.
type Trimmed struct {
	Log      int64 // proto.Inbox or a group
	From, To int64 // their numbers, both included
}

// Stopped is the last event: the client does not come back.
type Stopped struct {
	Err error // ErrClosed after Close or Logout, else what a retry cannot change
}

func (Connected) event()    {}
func (Disconnected) event() {}
func (Trimmed) event()      {}
func (Stopped) event()      {}

func (e Connected) String() string {
	if e.Moved {
		return "moved to " + e.Node.ID
	}
	return "connected to " + e.Node.ID
}

func (e Disconnected) String() string {
	when := "trying again now"
	if e.RetryIn > 0 {
		when = "trying again in " + e.RetryIn.Round(100*time.Millisecond).String()
	}
	return fmt.Sprintf("disconnected, %s: %v", when, e.Err)
}

func (e Trimmed) String() string {
	return fmt.Sprintf("%d messages are too old and were removed before they could be read", e.To-e.From+1)
}

func (e Stopped) String() string { return fmt.Sprintf("stopped: %v", e.Err) }

// State is how the client is doing at one moment.
type State struct {
	Node    proto.Node // the connection's; zero while there is none
	Err     error      // why there is none, or why the client stopped
	Stopped bool       // it does not come back
}

// Connected reports whether there is a live connection.
func (s State) Connected() bool { return s.Node != proto.Node{} }

// eventsKept is how many events wait to be read. Then the oldest goes: a state
// that was left long ago concerns nobody.
const eventsKept = 64 // beside marksKept of Delivered

// State returns how the client is doing now.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Event returns the next event, oldest first. It blocks until there is one. After
// Stopped it returns the reason as an error. Of events that nobody reads the
// latest 64 are kept, and of Delivered the latest 1,024. An event goes to one caller.
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

// tellLocked adds an event. If there are too many, the oldest goes: of the marks,
// which others make, or of the rest.
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

func isMark(e Event) bool {
	_, ok := e.(Delivered)
	return ok
}

// bell wakes all who wait. A mutex guards it.
type bell struct{ ch chan struct{} }

// wait returns a channel that the next ring closes.
func (b *bell) wait() <-chan struct{} {
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *bell) ring() {
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
