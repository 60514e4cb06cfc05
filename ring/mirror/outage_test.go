package mirror

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/ring/mirror/zktest"
)

// CIM's server does not register again after its session has expired.
func TestExpiredSessionRegistersAgain(t *testing.T) {
	c := config(t, server)
	r := startReader(t, c)
	var wire cable
	nc, rc := c, c
	nc.dial, nc.Session, rc.Session = wire.dial, time.Second, time.Second
	startNode(t, nc, member("n1"))
	var both cable
	rc.dial = both.dial
	follower := startReader(t, rc)
	for range 2 {
		r.await(t, member("n1"))
		follower.await(t, member("n1"))
		wire.cut()
		both.cut()
		r.await(t) // the session has expired
		follower.await(t, member("n1"))
		wire.mend()
		both.mend()
	}
	r.await(t, member("n1"))
	startNode(t, c, member("n2"))
	follower.await(t, member("n1"), member("n2")) // the follower has set its watches again
}

// A cable is a network to ZooKeeper. While it is cut, it loses packets and refuses new
// connections.
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
		return len(b), nil // lost
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
	own, err := zktest.Start(wait.Context(t), zktest.Config{Dir: t.TempDir()})
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
		if err := own.Restart(wait.Context(t)); err != nil {
			t.Fatal(err)
		}
		r.await(t, member("n1"))
		eventually(t, "in sync", func() bool {
			addrs, err := r.Gossips(t.Context())
			return err == nil && slices.Equal(addrs, []string{"10.0.0.9:7946"})
		})
		kill()
		eventually(t, "known to be away", func() bool {
			addrs, err := r.Gossips(t.Context())
			return errors.Is(err, ErrAway) && len(addrs) == 1
		})
		r.await(t, member("n1")) // the table keeps the last view
	}
	if err := own.Restart(wait.Context(t)); err != nil {
		t.Fatal(err)
	}
	startNode(t, c, member("n2"))
	r.await(t, member("n1"), member("n2"))
}

func TestRunEndsWhileZooKeeperIsAway(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections and does not answer
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, servers := range map[string][]string{
		"no server": {"127.0.0.1:1"}, "silent": {silent.Addr().String()}, "no such name": {"nowhere.invalid:2181"},
	} {
		c := config(t, server)
		c.Servers = servers
		n := startNode(t, c, member("n1"))
		start := time.Now()
		n.stop()
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: Run ended after %v", name, took)
		}
	}
}

// A server that is starting takes connections before it takes sessions, and may never
// answer on these connections.
func TestConnectionWithoutAnAnswerIsGivenUp(t *testing.T) {
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() {
		front.Close()
		all.Wait()
	})
	all.Go(func() {
		silent, err := front.Accept()
		if err != nil {
			return
		}
		defer silent.Close()
		for {
			conn, err := front.Accept()
			if err != nil {
				return
			}
			all.Go(func() { pipe(conn, server.Addr()) })
		}
	})
	c := config(t, server)
	c.Servers, c.Session = []string{front.Addr().String()}, 4*time.Second
	n := startNode(t, c, member("n1"))
	begun := time.Now()
	eventually(t, "it is published", func() bool { return testutil.ToFloat64(n.published) == 1 })
	if took := time.Since(begun); took > 20*time.Second { // go-zookeeper alone would take 27 s
		t.Errorf("published after %v, want some 5 s", took)
	}
}

// pipe copies bytes between conn and a server until one of them closes.
func pipe(conn net.Conn, to string) {
	defer conn.Close()
	there, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer there.Close()
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(there, conn)
		_ = there.Close()
	}()
	_, _ = io.Copy(conn, there)
	_ = conn.Close()
	<-back
}
