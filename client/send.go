package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cim-go/cim/proto"
	pb "google.golang.org/protobuf/proto"
)

// ErrOutcomeUnknown is in the error of a send that ended while no route had said
// whether the message is stored. It is not sent again by itself; sending it again
// with the same id is safe. If it was accepted, its copy comes back through
// Receive with the user himself as From, or, when that copy was read before the
// send was given up, is in the history already.
var ErrOutcomeUnknown = errors.New("whether the message was accepted is not known")

// Receipt says that a message is stored: its id, when, and where the sender's own
// copy stands.
type Receipt = proto.SendReceipt

// Outgoing is a message to send: to a user or to a group, not both.
type Outgoing struct {
	ID    string // makes repetitions harmless, see proto.ValidID; empty: a random one. Another message's is refused with proto.IDReused
	To    int64
	Group int64 // proto.Everyone or another
	Text  string

	// Confirm asks to be told when a private message was shown to its receiver: see
	// Delivered. A message to the user himself is never confirmed.
	Confirm bool
}

// Pending is a message on its way.
type Pending struct {
	out    Outgoing
	client *Client

	// Guarded by Client.mu.
	written   bool // to any connection: what follows is a repetition
	flying    bool // written to the present connection, not answered
	heard     bool // and to say there that all answers before it were heard
	abandoned bool // nobody waits any more: not written again

	done    chan struct{} // closed when receipt and err are set
	receipt Receipt
	err     error
}

// Send sends a private message and blocks until it is stored, which includes any
// repetitions, or refused: then the error wraps a *proto.Error. When ctx ends
// first the message is not sent again: see ErrOutcomeUnknown.
func (c *Client) Send(ctx context.Context, user int64, text string) (Receipt, error) {
	return c.SendMessage(ctx, Outgoing{To: user, Text: text})
}

// SendEveryone sends a message to all users. It waits and fails as Send does.
func (c *Client) SendEveryone(ctx context.Context, text string) (Receipt, error) {
	return c.SendMessage(ctx, Outgoing{Group: proto.Everyone, Text: text})
}

// SendMessage sends m. It waits and fails as Send does.
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

// Enqueue puts m behind everything that was enqueued and returns without waiting
// for the answer; one that was given up and is still on its way stays where it was.
// It blocks while 1,024 messages wait, until ctx ends.
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

// checked fills in the id and refuses what no route would take.
func (m Outgoing) checked() (Outgoing, error) {
	if m.ID == "" {
		m.ID = strings.ToLower(rand.Text())
	}
	switch {
	case !proto.ValidID(m.ID):
		return m, fmt.Errorf("send: %w", proto.Err(proto.Invalid, "The message's id is not valid."))
	case (m.To > 0) == (m.Group > 0):
		return m, fmt.Errorf("send %s: %w", m.ID, proto.Err(proto.Invalid, "A message goes to one user or one group."))
	case m.Confirm && m.Group > 0:
		return m, fmt.Errorf("send %s: %w", m.ID, proto.Err(proto.Invalid, "Only a private message can be confirmed."))
	case !utf8.ValidString(m.Text):
		return m, fmt.Errorf("send %s: %w", m.ID, proto.Err(proto.Invalid, "The text is not valid UTF-8."))
	case pb.Size(m.frame(true)) > proto.MaxFrame:
		return m, fmt.Errorf("send %s: %w", m.ID, proto.Err(proto.TooLarge, "The text is too long."))
	}
	return m, nil
}

func (m Outgoing) frame(again bool) *proto.Frame {
	return &proto.Frame{
		Cmd: proto.Command_SEND, Id: m.ID, To: m.To, Group: m.Group, ReqMsg: m.Text, Again: again, Confirm: m.Confirm,
	}
}

// ID returns the message's id.
func (p *Pending) ID() string { return p.out.ID }

// Wait blocks until the message is stored or refused, or until ctx ends; then the
// message is still on its way and Wait may be called again.
func (p *Pending) Wait(ctx context.Context) (Receipt, error) {
	select {
	case <-p.done:
		p.client.keepOwn()
		return p.receipt, p.err
	case <-ctx.Done():
		return Receipt{}, fmt.Errorf("send %s: %w", p.out.ID, ctx.Err())
	}
}

// frameLocked returns the frame to write, which from the second time on says that
// it may have been there before.
func (p *Pending) frameLocked() *proto.Frame {
	f := p.out.frame(p.written)
	f.Heard = p.heard
	p.written = true
	return f
}

func (p *Pending) finishLocked(r Receipt, err error) {
	p.receipt = r
	if err != nil {
		p.err = fmt.Errorf("send %s: %w", p.out.ID, err)
	}
	close(p.done)
	<-p.client.slots // p's own
}

// failLocked finishes a message that is given up.
func (p *Pending) failLocked(err error) {
	if p.written {
		err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	p.finishLocked(Receipt{}, err)
}

// abandon gives up a message whose sender does not wait any more. One that was
// never written is certainly not sent; another stays until its connection
// answers or ends.
func (c *Client) abandon(p *Pending, cause error) (Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-p.done: // the answer was faster
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

// refusedLocked keeps a message that may be tried again, and finishes another.
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
