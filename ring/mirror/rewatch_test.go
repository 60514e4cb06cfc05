package mirror

import (
	"encoding/binary"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// taps dials connections and records their first packets and requests.
type taps struct {
	mu    sync.Mutex
	conns []*tap
}

type tap struct {
	net.Conn
	mu       *sync.Mutex
	packets  int
	resumes  bool // it takes over a session
	watching int  // requests that read and set a watch
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

// Write takes one packet. The first one asks for a session: after its length, a version,
// a change and a time-out, it has the id of the session to take over, or 0. Later ones
// are requests: length, number, operation and arguments. The last argument of a read is
// 1 if it sets a watch.
func (c *tap) Write(b []byte) (int, error) {
	c.mu.Lock()
	c.packets++
	switch {
	case c.packets == 1:
		c.resumes = binary.BigEndian.Uint64(b[20:]) != 0
	case slices.Contains(reads, binary.BigEndian.Uint32(b[8:])) && b[len(b)-1] == 1:
		c.watching++
	}
	c.mu.Unlock()
	return c.Conn.Write(b)
}

// reads are the operations exists, getData, getChildren and getChildren2 of ZooKeeper's
// protocol, from its ZooDefs.OpCode.
var reads = []uint32{3, 4, 8, 12}

// count returns how many of the connections took over a session, and how many requests
// over the last one set a watch.
func (t *taps) count() (resumed, watching int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.conns {
		watching = c.watching
		if c.resumes {
			resumed++
		}
	}
	return resumed, watching
}

// cut closes the last connection.
func (t *taps) cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.conns[len(t.conns)-1].Close()
}

// go-zookeeper may miss changes when it sets its watches again over a new connection.
func TestNoWatchIsTakenToANewConnection(t *testing.T) {
	c := config(t, server)
	var writer, reader taps
	nc, rc := c, c
	nc.dial, rc.dial = writer.dial, reader.dial
	m := member("n1")
	n := startNode(t, nc, m)
	r := startReader(t, rc)
	const cuts = 8
	for range cuts {
		r.await(t, m)
		eventually(t, "the reader has watches on two directories and an entry", func() bool {
			_, watching := reader.count()
			return watching >= 3
		})
		reader.cut()
		m.Boot++
		n.set(m)
	}
	r.await(t, m)
	if resumed, _ := reader.count(); resumed > 0 {
		t.Errorf("the reader took over its session %d times, want a new one each time", resumed)
	}
	for i := range cuts {
		writer.cut()
		eventually(t, "the publisher takes over its session", func() bool { resumed, _ := writer.count(); return resumed > i })
	}
	m.Boot++
	n.set(m)
	r.await(t, m)
	if _, watching := writer.count(); watching > 0 {
		t.Errorf("the publisher sets %d watches, want none", watching)
	}
}
