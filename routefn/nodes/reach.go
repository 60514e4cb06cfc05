package nodes

import (
	"context"
	"errors"
	"net"

	"github.com/cim-go/cim/proto/stream"
	"github.com/cim-go/cim/ring"
)

// Reachable reports whether users can be sent to the node at address. An open stream to
// the node shows that. If the node offers no stream, Reachable connects to it, once per
// second. Reachable blocks for Timeout at most, and only very shortly if the node is
// healthy.
func (n *Client) Reachable(ctx context.Context, address string) bool {
	if n.IsNear(address) {
		return true
	}
	if !n.contacts.mayAsk(address) {
		return false
	}
	defer n.contacts.asked(address)
	for again := false; ; again = true {
		begun := wallClock()
		err := n.touch(ctx, address)
		if errors.Is(ctx.Err(), context.Canceled) { // the caller stopped waiting, which proves nothing about the node
			return true
		}
		if err == nil || again || definite(err) || timedOut(err) {
			return n.contacts.note(address, begun, err)
		}
	}
}

// touch connects the stream to the node. If the node offers no stream, it makes a
// connection and closes it. It returns nil if the node can be reached.
func (n *Client) touch(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	if s := n.stream(address); s != nil {
		if err := s.Connect(ctx); !errors.Is(err, stream.ErrRefused) {
			return err
		}
	}
	if n.contacts.seenLately(address) {
		return nil
	}
	hostPort, _ := ring.HostPort(address)
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", hostPort)
	if err == nil {
		n.contacts.saw(address)
		_ = conn.Close()
	}
	return err
}
