package gossip

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/goleak"

	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/ring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A testNode is a Gossip that runs.
type testNode struct {
	*Gossip
	table *ring.Table
	stop  context.CancelFunc
	ended chan struct{} // closed when Run has returned
	err   error         // Run's error; read it after ended is closed
}

// startNode runs a node on a free loopback port; change may alter its Config.
func startNode(t *testing.T, id string, change func(*Config)) *testNode {
	t.Helper()
	c := Config{
		Self: ring.Member{
			ID: id, Boot: rand.Uint64(), Client: "127.0.0.1:11211", HTTP: "127.0.0.1:8081", Weight: 1, State: ring.Serving,
		},
		Keys: ring.NewKeys([]byte("cluster key")), Table: ring.NewTable(), Cluster: "test", Bind: "127.0.0.1:0",
		Logger: slog.New(slog.NewTextHandler(newTestWriter(t), &slog.HandlerOptions{Level: slog.LevelInfo})),
	}
	if change != nil {
		change(&c)
	}
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := &testNode{Gossip: g, table: c.Table, stop: cancel, ended: make(chan struct{})}
	go func() {
		defer close(n.ended)
		n.err = g.Run(ctx)
	}()
	t.Cleanup(n.leave)
	select {
	case <-g.Listening():
	case <-n.ended:
		t.Fatalf("%s does not start: %v", id, n.err)
	}
	return n
}

// leave ends Run, which broadcasts that the node leaves.
func (n *testNode) leave() {
	n.stop()
	<-n.ended
}

// testWriter passes lines to t.Log until the test ends, because memberlist's timers
// outlive its Shutdown.
type testWriter struct {
	t     *testing.T
	mu    sync.Mutex
	ended bool
}

func newTestWriter(t *testing.T) *testWriter {
	w := &testWriter{t: t}
	t.Cleanup(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ended = true
	})
	return w
}

func (w *testWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		_, msg, _ := strings.Cut(string(b), "level=")
		w.t.Log(strings.TrimSpace(msg))
	}
	return len(b), nil
}

func seeds(nodes ...*testNode) func(*Config) {
	return func(c *Config) {
		for _, n := range nodes {
			c.Seeds = append(c.Seeds, n.Addr())
		}
	}
}

// await waits until ok returns true for the node's view.
func (n *testNode) await(t *testing.T, what string, ok func(*ring.View) bool) {
	t.Helper()
	timeout := time.After(wait.Limit)
	for {
		view, changed := n.table.Watch()
		if ok(view) {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("%s does not see %s, but %v", n.cfg.Self.ID, what, view.Members())
		}
	}
}

func (n *testNode) awaitMembers(t *testing.T, ids ...string) {
	t.Helper()
	slices.Sort(ids)
	n.await(t, fmt.Sprint(ids), func(v *ring.View) bool {
		return slices.EqualFunc(v.Members(), ids, func(m ring.Member, id string) bool { return m.ID == id })
	})
}

func (n *testNode) awaitReady(t *testing.T) {
	t.Helper()
	eventually(t, n.cfg.Self.ID+" ready", func() bool { ok, _ := n.Ready(); return ok })
}

func (n *testNode) awaitEnd(t *testing.T) error {
	t.Helper()
	select {
	case <-n.ended:
		return n.err
	case <-time.After(wait.Limit):
		t.Fatalf("%s runs on", n.cfg.Self.ID)
		return nil
	}
}

// eventually waits for a condition without a channel.
var eventually = wait.Until

// A network drops packets between its sides. Its nodes listen on real sockets.
type network struct {
	mu    sync.Mutex
	sides map[string]int // by gossip address; 0 if missing
}

// split moves nodes to a side.
func (n *network) split(side int, nodes ...*testNode) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sides == nil {
		n.sides = make(map[string]int)
	}
	for _, node := range nodes {
		n.sides[node.Addr()] = side
	}
}

func (n *network) heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sides = nil
}

// on changes a Config so that its node is on the network.
func (n *network) on(c *Config) {
	c.wrap = func(t memberlist.NodeAwareTransport) memberlist.NodeAwareTransport {
		ip, port, err := t.FinalAdvertiseAddr("", 0)
		if err != nil {
			panic(err)
		}
		addr, _ := netip.AddrFromSlice(ip)
		return &cuttable{NodeAwareTransport: t, net: n, self: netip.AddrPortFrom(addr.Unmap(), uint16(port)).String()}
	}
}

type cuttable struct {
	memberlist.NodeAwareTransport
	net  *network
	self string
}

func (c *cuttable) cut(to string) bool {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	return c.net.sides[c.self] != c.net.sides[to]
}

func (c *cuttable) WriteToAddress(b []byte, to memberlist.Address) (time.Time, error) {
	if c.cut(to.Addr) {
		return time.Now(), nil // a lost packet is no error
	}
	return c.NodeAwareTransport.WriteToAddress(b, to)
}

func (c *cuttable) DialAddressTimeout(to memberlist.Address, timeout time.Duration) (net.Conn, error) {
	if c.cut(to.Addr) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded}
	}
	return c.NodeAwareTransport.DialAddressTimeout(to, timeout)
}

// crash ends a node without a broadcast that it leaves.
func (n *network) crash(node *testNode) {
	n.split(9, node)
	node.leave()
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.sides, node.Addr()) // the next node at this address starts on side 0
}
