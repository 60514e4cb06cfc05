package mirror

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/ring/mirror/spawn"
)

// CIM's server never registers again when its session has expired.
func TestExpiredSessionRegistersAgain(t *testing.T) {
	c := config(t, server)
	r := startReader(t, c)
	var wire cable
	nc, rc := c, c
	nc.dial = wire.dial
	startNode(t, nc, member("n1"))
	var both cable
	rc.dial = both.dial
	follower := startReader(t, rc)
	for range 2 { // and again
		r.await(t, member("n1"))
		follower.await(t, member("n1"))
		wire.cut()
		both.cut()
		r.await(t) // ZooKeeper has ended the session
		follower.await(t, member("n1"))
		wire.mend()
		both.mend()
	}
	r.await(t, member("n1"))
	startNode(t, c, member("n2"))
	follower.await(t, member("n1"), member("n2")) // its watches are set again
}

// A cable to ZooKeeper that can be cut: silence, and no new connections.
type cable struct {
	mu     sync.Mutex
	broken bool
	conns  []*wired
}

type wired struct {
	net.Conn
	cable *cable
}

func (c *cable) dial(network, addr string, timeout time.Duration) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken {
		return nil, errors.New("the cable is cut")
	}
	conn, err := net.DialTimeout(network, addr, timeout)
	if err != nil {
		return nil, err
	}
	w := &wired{conn, c}
	c.conns = append(c.conns, w)
	return w, nil
}

func (w *wired) Write(b []byte) (int, error) {
	w.cable.mu.Lock()
	defer w.cable.mu.Unlock()
	if w.cable.broken {
		return len(b), nil // into the void
	}
	return w.Conn.Write(b)
}

func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = true
}

func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = false
	for _, w := range c.conns {
		_ = w.Close()
	}
	c.conns = nil
}

func TestZooKeeperMayComeAndGo(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	own, err := spawn.Start(ctx, spawn.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer own.Kill()
	own.Stop()

	c := config(t, own) // it is down at the start
	r := startReader(t, c)
	startNode(t, c, member("n1"))
	soon, end := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer end()
	if addrs, err := r.Gossips(soon); !errors.Is(err, ErrAway) || addrs != nil {
		t.Errorf("before the first answer: %v, %v, want ErrAway", addrs, err)
	}
	for _, kill := range []func(){own.Stop, own.Kill} {
		if err := own.Restart(ctx); err != nil {
			t.Fatal(err)
		}
		r.await(t, member("n1"))
		eventually(t, "in sync", func() bool {
			addrs, err := r.Gossips(ctx)
			return err == nil && slices.Equal(addrs, []string{"10.0.0.9:7946"})
		})
		kill()
		eventually(t, "known to be away", func() bool {
			addrs, err := r.Gossips(ctx)
			return errors.Is(err, ErrAway) && len(addrs) == 1
		})
		r.await(t, member("n1")) // the last view stays
	}
	if err := own.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	startNode(t, c, member("n2"))
	r.await(t, member("n1"), member("n2"))
}

func TestRunEndsWhileZooKeeperIsAway(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, servers := range map[string][]string{
		"nobody there": {"127.0.0.1:1"}, "silent": {silent.Addr().String()}, "no such name": {"nowhere.invalid:2181"},
	} {
		c := config(t, server)
		c.Servers = servers
		n := startNode(t, c, member("n1"))
		start := time.Now()
		n.stop()
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: Run ended after %v", name, took)
		}
	}
}
