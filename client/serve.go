package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cim-go/cim/proto"
)

// errSilent is the reason for the end of a connection that does not answer a ping.
var errSilent = errors.New("the node does not answer")

// move is the result of a hand-over to another node.
type move struct {
	link *link
	err  error
}

// serve writes the frames that are due until the connection ends. It returns the
// connection to which it was handed over, or the reason for the end. In both cases the
// old connection is closed and its reader has ended.
func (c *Client) serve(ctx context.Context, l *link) (next *link, err error) {
	pulse := pulse{interval: l.ping, wrote: time.Now()}
	timer := time.NewTimer(0)
	defer timer.Stop()
	var moving chan move // nil: no hand-over is under way
	defer c.part(l)
	for {
		due, err := c.write(l, &pulse)
		if err != nil {
			return outcome(moving, l.ended(l.reason(err)))
		}
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			c.bow(l)
			if m := wait(moving); m.link != nil {
				c.part(m.link)
			}
			return nil, ctx.Err()
		case <-l.dead:
			return outcome(moving, l.ended(l.cause))
		case f := <-l.redirect:
			if moving != nil {
				continue
			}
			if f.Ticket == "" {
				return nil, proto.Err(proto.GoingAway, f.ReqMsg)
			}
			moving = c.move(ctx, f)
		case m := <-moving:
			if m.link != nil {
				c.handOver(ctx, l)
				return m.link, nil
			}
			c.cfg.Logger.Warn("cannot move to another node", "node", l.node.ID, "err", m.err)
			moving, l.triedToMove = nil, true
		case <-c.wake:
		case <-timer.C:
		}
	}
}

// outcome decides what follows the end of a connection. The parameter cause is the reason
// for the end. While a hand-over is under way, only its result counts, because the
// client's own new connection may have displaced the old one.
func outcome(moving chan move, cause error) (*link, error) {
	switch m := wait(moving); {
	case m.link != nil:
		return m.link, nil
	case m.err != nil:
		return nil, m.err
	default:
		return nil, cause
	}
}

// ended returns the error with which the connection ended. If a hand-over failed, it
// removes the code Replaced, which would stop the client. Even if the new node's answer
// was lost, that node may have opened the session and so displaced this connection. The
// next login shows whether another connection took over.
func (l *link) ended(cause error) error {
	if l.triedToMove && codeOf(cause) == proto.Replaced {
		return fmt.Errorf("after a move that failed: %v", cause)
	}
	return cause
}

// reason returns why a connection ended after a write to it failed. It waits for the
// reader, because the node's last frame may still come and have a code.
func (l *link) reason(failure error) error {
	timer := time.NewTimer(leaveTimeout)
	defer timer.Stop()
	select {
	case <-l.dead:
		if codeOf(l.cause) != proto.OK {
			return l.cause
		}
	case <-timer.C:
	}
	return failure
}

// write sends the frames that are due now. The result due is when the next frames are due,
// unless an event brings some earlier.
func (c *Client) write(l *link, pulse *pulse) (due time.Time, err error) {
	now := time.Now()
	ping, dead, due := pulse.beat(l.heardAt(), now)
	if dead {
		return due, errSilent
	}
	frames, more := c.collect(now)
	if ping {
		frames = append(frames, &proto.Frame{Cmd: proto.Command_PING})
	}
	if len(frames) > 0 {
		if err := l.wire.Write(frames...); err != nil {
			return due, fmt.Errorf("write to node %s: %w", l.node.ID, err)
		}
		pulse.wrote = time.Now()
	}
	if !more.IsZero() && more.Before(due) {
		due = more
	}
	return due, nil
}

// collect returns the frames to write now, and when the next ones are due. If the result
// due is zero, only an event brings more.
func (c *Client) collect(now time.Time) (frames []*proto.Frame, due time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.out.next(now) {
		frames = append(frames, p.frameLocked())
	}
	if ack := c.acks.takeAt(now); ack != nil {
		frames = append(frames, ack)
	}
	if at, ok := c.out.due(); ok {
		due = at
	}
	if at, ok := c.acks.due(); ok && (due.IsZero() || at.Before(due)) {
		due = at
	}
	return frames, due
}

// move connects to the node that the frame names, in a goroutine for which serve
// waits.
func (c *Client) move(ctx context.Context, f *proto.Frame) chan move {
	done := make(chan move, 1)
	node := proto.Node{ID: f.Node, Address: f.NodeAddress, TLS: f.Tls, Path: f.NodePath}
	c.wg.Go(func() {
		next, err := c.enter(ctx, node, f.Ticket)
		if err != nil {
			err = fmt.Errorf("move: %v", err) // this drops the error's code, because a refused ticket must not stop the client
		}
		done <- move{next, err}
	})
	return done
}

// wait returns the result of a hand-over, or the zero move if there is none.
func wait(moving chan move) move {
	if moving == nil {
		return move{}
	}
	return <-moving
}

// handOver waits until the old connection has answered everything, so that few
// messages must be sent again on the new one.
func (c *Client) handOver(ctx context.Context, old *link) {
	ctx, cancel := context.WithTimeout(ctx, handoverTimeout)
	defer cancel()
	for c.unanswered() {
		select {
		case <-ctx.Done():
			return
		case <-old.dead:
			return
		case <-c.wake:
		}
	}
}

func (c *Client) unanswered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.flying > 0
}

// part closes a connection, waits for its reader to end, and marks the unanswered
// messages to be written again on the next connection.
func (c *Client) part(l *link) {
	l.wire.Close()
	<-l.dead
	c.mu.Lock()
	c.out.lost()
	c.mu.Unlock()
	poke(c.wake)
}

// bow acknowledges the shown messages. It is called before the connection is closed.
func (c *Client) bow(l *link) {
	c.mu.Lock()
	ack := c.acks.take()
	c.mu.Unlock()
	if ack == nil {
		return
	}
	timer := time.AfterFunc(leaveTimeout, l.wire.Close)
	defer timer.Stop()
	if err := l.wire.Write(ack); err != nil {
		c.cfg.Logger.Debug("last acknowledgement not written", "node", l.node.ID, "err", err)
	}
}
