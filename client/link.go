package client

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/client/internal/wire"
	"github.com/cim-go/cim/proto"
)

// link is one live connection to a node.
type link struct {
	// Set by enter, read by all.
	node     proto.Node
	wire     wire.Wire
	ping     time.Duration
	start    time.Time
	redirect chan *proto.Frame // of size 1: a redirect from the node
	dead     chan struct{}     // closed when the reader has ended

	triedToMove bool // a hand-over failed; owned by serve

	heard atomic.Int64 // when the latest frame came, as a time.Duration since start

	cause error // why the reader ended; read it after dead is closed
}

func (l *link) heardAt() time.Time { return l.start.Add(time.Duration(l.heard.Load())) }

// enter connects to node, sends the ticket, and waits for the answer. The answer has the
// ends of the logs, and enter starts to follow these logs. It also starts the reader.
func (c *Client) enter(ctx context.Context, node proto.Node, ticket string) (*link, error) {
	w, err := c.cfg.dial(ctx, node)
	if err != nil {
		return nil, err
	}
	answer, err := handshake(ctx, w, ticket)
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("open session at node %s: %w", node.ID, err)
	}
	l := &link{
		node: node, wire: w, ping: time.Duration(answer.PingSeconds) * time.Second, start: time.Now(),
		redirect: make(chan *proto.Frame, 1), dead: make(chan struct{}),
	}
	if l.ping <= 0 {
		l.ping = defaultPing
	}
	newest, cursors := proto.Positions(answer.Newest), proto.Positions(answer.Cursors)
	c.learn(newest, cursors)
	c.finish(newest, cursors)
	c.wg.Go(func() { c.read(l) })
	return l, nil
}

// dial connects to a node, within dialTimeout. Its error has no code, because no node
// has answered.
func (c Config) dial(ctx context.Context, node proto.Node) (wire.Wire, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	d := wire.Dialer{Dial: c.Dial, TLS: c.TLS, WebSocket: c.Transport == WebSocket, WriteTimeout: writeTimeout}
	w, err := d.Connect(ctx, node)
	if err != nil {
		return nil, fmt.Errorf("connect to node %s at %s: %w", node.ID, node.Address, err)
	}
	return w, nil
}

// handshake sends the ticket and returns the login answer. It closes the wire if ctx
// ends, if the node sends nothing for handshakeTimeout, or after handshakeLongest. If
// many clients log in at once, a node answers pings until it gets to this client.
func handshake(ctx context.Context, w wire.Wire, ticket string) (*proto.Frame, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeLongest)
	defer cancel()
	defer context.AfterFunc(ctx, w.Close)()
	silent := time.AfterFunc(handshakeTimeout, cancel)
	defer silent.Stop()
	if err := w.Write(&proto.Frame{Cmd: proto.Command_LOGIN_REQUEST, Ticket: ticket}); err != nil {
		return nil, err
	}
	defer pingUntil(w)()
	for {
		f, err := w.Read()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		silent.Reset(handshakeTimeout)
		switch f.Cmd {
		case proto.Command_LOGIN_ANSWER, proto.Command_KICK, proto.Command_ERROR:
			if f.Code != 0 || f.Cmd != proto.Command_LOGIN_ANSWER {
				return nil, proto.Err(proto.Code(f.Code), f.ReqMsg)
			}
			return f, nil
		}
	}
}

// pingUntil sends a ping every handshakePing, in a goroutine. The returned function stop
// ends the goroutine and waits for its end. If a ping cannot be written, pingUntil reports
// nothing, because then the read fails, too.
func pingUntil(w wire.Wire) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticks := time.NewTicker(handshakePing)
		defer ticks.Stop()
		for {
			select {
			case <-end:
				return
			case <-ticks.C:
				if w.Write(&proto.Frame{Cmd: proto.Command_PING}) != nil {
					return
				}
			}
		}
	}()
	return func() { close(end); <-ended }
}

// read handles the node's frames until the connection ends.
func (c *Client) read(l *link) {
	defer close(l.dead)
	for {
		f, err := l.wire.Read()
		if err != nil {
			l.cause = err
			return
		}
		l.heard.Store(int64(time.Since(l.start)))
		if l.cause = c.handle(l, f); l.cause != nil {
			return
		}
	}
}

// handle acts on one frame. An error ends the connection.
func (c *Client) handle(l *link, f *proto.Frame) error {
	switch f.Cmd {
	case proto.Command_MESSAGE:
		m := f.Message()
		c.take(&m)
	case proto.Command_SEND_ANSWER:
		c.answered(f)
	case proto.Command_DELIVERED:
		c.delivered(f)
	case proto.Command_NEWEST:
		c.learn(proto.Positions(f.Newest), nil)
	case proto.Command_REDIRECT:
		select {
		case l.redirect <- f:
		default: // an earlier redirect was not handled yet
		}
	case proto.Command_KICK:
		return proto.Err(proto.Code(f.Code), f.ReqMsg)
	case proto.Command_ERROR:
		c.cfg.Logger.Warn("frame refused", "node", l.node.ID, "code", proto.Code(f.Code), "err", f.ReqMsg)
		if f.Id != "" {
			c.answered(f)
		}
	}
	return nil // there is nothing to do for a ping's answer, or for a frame that only newer clients know
}
