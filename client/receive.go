package client

import (
	"context"
	"fmt"
	"iter"

	"github.com/cim-go/cim/proto"
)

// Message is a message of a log, with its position.
type Message = proto.Message

// Receive writes the next message to the history and returns it. It blocks until there
// is one or ctx ends.
//
// If the client stops by itself, Receive first returns the messages that had arrived. Then
// it returns the reason, which is Err. After Close it returns Err at once. After an error
// of the history no message is lost, and the next call tries again.
func (c *Client) Receive(ctx context.Context) (Message, error) {
	for {
		c.mu.Lock()
		arrived, stopped := c.arrived.wait(), c.err
		c.mu.Unlock()
		m, err := c.deliver(true)
		switch {
		case err != nil:
			return Message{}, err
		case m != nil:
			return *m, nil
		case stopped != nil:
			return Message{}, stopped
		}
		select {
		case <-ctx.Done():
			return Message{}, ctx.Err()
		case <-arrived:
		}
	}
}

// Messages iterates over what Receive returns. The iteration ends with a zero Message
// and an error. The error is the end of ctx, the reason why the client stopped, or a
// failure of the history.
func (c *Client) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for {
			m, err := c.Receive(ctx)
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// keepOwn writes entries from the front of the queue to the history, until one that
// must be shown. A failure is logged here, and the next Receive tries again.
func (c *Client) keepOwn() {
	if _, err := c.deliver(false); err != nil {
		c.cfg.Logger.Error("sent message not written to the history", "err", err)
	}
}

// deliver writes the front of the queue to the history, up to and including the first
// message that must be shown. It returns that message, or nil if there is none, and after
// Close. If the parameter show is false, it stops before that message.
func (c *Client) deliver(show bool) (*Message, error) {
	c.delivering.Lock()
	defer c.delivering.Unlock()
	for {
		c.mu.Lock()
		closed := c.closed
		var d delivery
		waiting := len(c.in.queue) > 0
		if waiting {
			d = c.in.queue[0]
		}
		c.mu.Unlock()
		if closed || !waiting {
			return nil, nil
		}
		repeated := d.message != nil && c.cfg.History.Has(d.message.Key())
		shown := d.message != nil && !d.own && !repeated
		if shown && !show {
			return nil, nil
		}
		if err := c.keep(d, repeated); err != nil {
			return nil, err
		}
		if shown {
			return d.message, nil
		}
	}
}

// keep writes the first entry of the queue to the history and removes it from the
// queue. If the history has the message already, keep writes only the position.
func (c *Client) keep(d delivery, repeated bool) error {
	m := d.message
	if repeated {
		m = nil
	}
	if err := c.cfg.History.Append(d.at, m); err != nil {
		return fmt.Errorf("keep message %d: %w", d.at.Number, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in.queue[0] = delivery{} // this lets the memory of the text be freed
	c.in.queue = c.in.queue[1:]
	switch {
	case d.message != nil && d.message.Kind == proto.Kind_LEAVE && d.message.From == c.self.User:
		delete(c.acks.shown, d.at.Log) // a group that the user left has no cursor
	case c.acks.show(d.at):
		poke(c.wake)
	}
	if d.own {
		delete(c.in.sent, d.message.ID)
	}
	if !repeated && c.toConfirmLocked(d.message) {
		c.acks.confirm(d.message.Key())
		poke(c.wake)
	}
	if c.in.room() == queueMax/2 {
		poke(c.pull)
	}
	return nil
}

// toConfirmLocked reports whether the sender of m, which was shown, wants a delivery
// mark.
func (c *Client) toConfirmLocked(m *Message) bool {
	return m != nil && m.Confirm && m.Kind == proto.Kind_TEXT && m.Group == 0 && m.From != c.self.User
}
