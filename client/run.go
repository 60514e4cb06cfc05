package client

import (
	"context"
	"errors"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

// run keeps a connection until ctx ends or an error shows that no retry can help.
func (c *Client) run(ctx context.Context) {
	for row := 0; ; row++ {
		c.since = time.Time{}
		node, err := c.live(ctx)
		if ctx.Err() != nil {
			return
		}
		if !c.since.IsZero() && time.Since(c.since) >= settled {
			row = 0
		}
		delay, again := c.delayAfter(err, row)
		if !again {
			c.stop(err)
			return
		}
		c.cfg.Logger.Warn("connection lost", "node", node.ID, "err", err, "retry", delay)
		c.disconnected(node, err, delay)
		if !retry.Sleep(ctx, delay) {
			return
		}
	}
}

// delayAfter is retryDelay with one difference. A client that has been connected retries
// after ErrNotRoute, because the network may have changed. A client that was never
// connected stops, because its configuration is probably wrong.
func (c *Client) delayAfter(err error, row int) (time.Duration, bool) {
	select {
	case <-c.ready:
		if errors.Is(err, ErrNotRoute) {
			return nextDelay(row), true
		}
	default:
	}
	return retryDelay(err, row)
}

// live logs in, connects, and serves the connection. If the client is moved to another
// node, live serves the new connection, and so on until a connection is lost. It returns
// the last node and the reason for the loss.
func (c *Client) live(ctx context.Context) (proto.Node, error) {
	l, node, err := c.open(ctx)
	moved := false
	for err == nil {
		node = l.node
		c.connected(node, moved)
		l, err = c.serve(ctx, l)
		moved = true
	}
	if node.ID != "" && nodeFailed(err) {
		c.avoid.addAt(node.ID, time.Now())
	}
	return node, err
}

// open logs in and connects to the node that the route chose. The node is zero if
// the login failed.
func (c *Client) open(ctx context.Context) (*link, proto.Node, error) {
	answer, err := c.account.login(ctx, c.avoid.at(time.Now()), c.refused)
	if codeOf(err) == proto.Overloaded {
		c.refused++
	}
	if err != nil {
		return nil, proto.Node{}, err
	}
	c.refused = 0
	if err := c.bind(User{User: answer.User, Name: answer.Name}); err != nil {
		return nil, proto.Node{}, err
	}
	l, err := c.enter(ctx, answer.Node, answer.Ticket)
	return l, answer.Node, err
}

// bind sets Client.self at the first login, and makes sure that the history belongs to
// that account.
func (c *Client) bind(self User) error {
	if c.Self() == self {
		return nil
	}
	if err := c.cfg.History.Bind(self.User); err != nil {
		return &fatalError{err}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.self = self
	return nil
}

// connected records that there is a live connection, unless the client has stopped.
func (c *Client) connected(node proto.Node, moved bool) {
	c.since = time.Now()
	c.cfg.Logger.Info("connected", "node", node.ID, "moved", moved)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.state = State{Node: node}
	c.acks.again()
	c.tellLocked(Connected{Node: node, Moved: moved})
	select {
	case <-c.ready:
	default:
		close(c.ready)
	}
}

func (c *Client) disconnected(node proto.Node, err error, retryIn time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.state = State{Err: err}
	c.tellLocked(Disconnected{Node: node, Err: err, RetryIn: retryIn})
}
