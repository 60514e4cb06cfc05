package mirror

import (
	"encoding/binary"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// Operations of ZooKeeper's protocol, from its ZooDefs.OpCode.
const (
	opPing       = 11
	opSetWatches = 101
)

// taps dials connections and records the operations of the requests over each that are
// no pings.
type taps struct {
	mu    sync.Mutex
	conns []*tap
}

type tap struct {
	net.Conn
	mu     *sync.Mutex
	joined bool // the request that takes over the session was sent
	ops    []uint32
}

func (t *taps) dial(network, addr string, timeout time.Duration) (net.Conn, error) {
	conn, err := net.DialTimeout(network, addr, timeout)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &tap{Conn: conn, mu: &t.mu}
	t.conns = append(t.conns, c)
	return c, nil
}

// Write takes one packet: its length, the number of the request and its operation.
func (c *tap) Write(b []byte) (int, error) {
	c.mu.Lock()
	switch {
	case !c.joined:
		c.joined = true
	case len(b) >= 12 && binary.BigEndian.Uint32(b[8:]) != opPing:
		c.ops = append(c.ops, binary.BigEndian.Uint32(b[8:]))
	}
	c.mu.Unlock()
	return c.Conn.Write(b)
}

// over returns the operations over the connection number i, or nil if there is none yet.
func (t *taps) over(i int) []uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i >= len(t.conns) {
		return nil
	}
	return slices.Clone(t.conns[i].ops)
}

func (t *taps) cut(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.conns[i].Close()
}

// A reply to a request that comes before the watches are set again would hide changes
// from them.
func TestWatchesAreSetAgainBeforeAnythingIsRead(t *testing.T) {
	c := config(t, server)
	startNode(t, c, member("n1"))
	var wire taps
	rc := c
	rc.dial = wire.dial
	r := startReader(t, rc)
	r.await(t, member("n1"))
	const all = 3 // two directories and an entry
	for i := range 8 {
		eventually(t, "everything was read", func() bool { return len(wire.over(i)) >= all })
		if ops := wire.over(i); i > 0 && ops[0] != opSetWatches {
			t.Errorf("after cut %d the first request is %d, want %d", i, ops[0], opSetWatches)
		}
		wire.cut(i)
	}
	startNode(t, c, member("n2"))
	r.await(t, member("n1"), member("n2"))
}
