package client

import (
	"context"
	"fmt"
	"time"

	"github.com/cim-go/cim/proto"
)

// Send sends a private message and blocks until it is stored or refused. It retries while
// that may help. If the message is refused, the error wraps a *proto.Error. If ctx ends
// first, the message is not sent again (see ErrOutcomeUnknown).
func (c *Client) Send(ctx context.Context, user int64, text string) (Receipt, error) {
	return c.SendMessage(ctx, Outgoing{To: user, Text: text})
}

// SendEveryone sends a message to all users. It blocks, retries and fails like Send.
func (c *Client) SendEveryone(ctx context.Context, text string) (Receipt, error) {
	return c.SendMessage(ctx, Outgoing{Group: proto.Everyone, Text: text})
}

// SendMessage sends m. It blocks, retries and fails like Send.
func (c *Client) SendMessage(ctx context.Context, m Outgoing) (Receipt, error) {
	p, err := c.Enqueue(ctx, m)
	if err != nil {
		return Receipt{}, err
	}
	r, err := p.Wait(ctx)
	if err != nil && ctx.Err() != nil {
		return c.abandon(p, ctx.Err())
	}
	return r, err
}

// Enqueue puts m behind all messages that were enqueued before, and does not wait for the
// answer. If m repeats an abandoned message that is still on its way, m takes that
// message's place. If 1,024 messages wait, Enqueue blocks until there is room or ctx ends.
func (c *Client) Enqueue(ctx context.Context, m Outgoing) (*Pending, error) {
	m, err := m.checked()
	if err != nil {
		return nil, err
	}
	select {
	case c.slots <- struct{}{}:
	case <-c.stopped:
		return nil, fmt.Errorf("send %s: %w", m.ID, c.Err())
	case <-ctx.Done():
		return nil, fmt.Errorf("send %s: %w", m.ID, ctx.Err())
	}
	p := &Pending{out: m, client: c, done: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		p.failLocked(c.err)
		return p, nil
	}
	c.in.sent[m.ID] = true
	c.out.add(p)
	poke(c.wake)
	return p, nil
}

// Wait blocks until the message is stored or refused, or until ctx ends. If ctx ends, the
// message is still on its way, and the caller may call Wait again.
func (p *Pending) Wait(ctx context.Context) (Receipt, error) {
	select {
	case <-p.done:
		p.client.keepOwn()
		return p.receipt, p.err
	case <-ctx.Done():
		return Receipt{}, fmt.Errorf("send %s: %w", p.out.ID, ctx.Err())
	}
}

// abandon gives up a message whose sender has stopped waiting. A message that is not in
// flight leaves the outbox and is not sent any more. A message in flight stays until the
// node answers or the connection ends.
func (c *Client) abandon(p *Pending, cause error) (Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-p.done: // the answer came first
		return p.receipt, p.err
	default:
	}
	delete(c.in.sent, p.out.ID)
	flying := p.flying
	if !flying {
		c.out.remove(p)
	}
	p.failLocked(cause)
	p.abandoned = flying
	return Receipt{}, p.err
}

// answered handles the answer to one message.
func (c *Client) answered(f *proto.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer poke(c.wake)
	p := c.out.find(f.Id)
	if p == nil {
		return
	}
	if code := proto.Code(f.Code); code != proto.OK {
		c.refusedLocked(p, proto.Err(code, f.ReqMsg))
		return
	}
	c.out.remove(p)
	at := f.At.Position()
	at.Key = proto.Key(c.self.User, f.Id)
	m := &proto.Message{
		ID: p.out.ID, From: c.self.User, FromName: c.self.Name, To: p.out.To, Group: p.out.Group,
		Text: p.out.Text, Time: f.Time, At: at, Prev: f.Prev, Confirm: p.out.Confirm,
	}
	if !p.abandoned {
		p.finishLocked(Receipt{ID: m.ID, Time: m.Time, At: at, Prev: f.Prev}, nil)
	}
	if f.At != nil {
		c.pushLocked(m)
	}
}

// refusedLocked keeps a refused message if it may be sent again. If not, it finishes the
// message.
func (c *Client) refusedLocked(p *Pending, err *proto.Error) {
	if err.Code.Retry() != proto.RetryNever {
		c.out.refuse(p, err, time.Now())
		return
	}
	c.out.remove(p)
	delete(c.in.sent, p.out.ID)
	if !p.abandoned {
		p.finishLocked(Receipt{}, err)
	}
}
