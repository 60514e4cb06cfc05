package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/ring/mirror/spawn"
)

// server is the ZooKeeper of all tests but those that stop one.
var server *spawn.Server

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "mirror")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if server, err = spawn.Start(ctx, spawn.Config{Dir: dir}); err != nil {
			fmt.Fprintln(os.Stderr, "the tests need a ZooKeeper:", err)
			return 1
		}
		code := m.Run()
		server.Stop()
		if err := goleak.Find(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}())
}

// patience bounds every wait for what must happen.
const patience = 20 * time.Second

var clusterKeys = ring.NewKeys([]byte("cluster key"))

func member(id string) ring.Member {
	return ring.Member{
		ID: id, Boot: 1, Client: "10.0.0." + strings.TrimPrefix(id, "n") + ":11211", HTTP: "10.0.0.9:8081",
		Gossip: "10.0.0.9:7946", Weight: 1, State: ring.Serving,
	}
}

// config returns a config for a root of the test's own.
func config(t *testing.T, on *spawn.Server) Config {
	return Config{
		Servers: []string{on.Addr()}, Root: "/test/" + strings.ReplaceAll(t.Name(), "/", "_"), Keys: clusterKeys,
		Session: time.Second, Logger: slog.New(slog.NewTextHandler(testWriter{t}, nil)),
	}
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	_, msg, _ := strings.Cut(string(b), "level=")
	w.t.Log(strings.TrimSpace(msg))
	return len(b), nil
}

// lineChan passes on log lines.
type lineChan chan string

func (c lineChan) Write(b []byte) (int, error) {
	c <- string(b)
	return len(b), nil
}

// run runs f until the returned function is called, or the test ends.
func run(t *testing.T, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := f(ctx); err != nil {
			t.Errorf("Run returns %v", err)
		}
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return stop
}

// A node is a member that publishes itself.
type node struct {
	*Publisher
	table *ring.Table
	stop  func()

	mu   sync.Mutex
	self ring.Member
}

func startNode(t *testing.T, c Config, m ring.Member) *node {
	t.Helper()
	n := &node{table: ring.NewTable()}
	n.set(m)
	p, err := NewPublisher(c, n.get, n.table)
	if err != nil {
		t.Fatal(err)
	}
	n.Publisher, n.stop = p, run(t, p.Run)
	return n
}

func (n *node) get() ring.Member {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.self
}

// set changes the node as gossip does.
func (n *node) set(m ring.Member) {
	n.mu.Lock()
	n.self = m
	n.mu.Unlock()
	n.table.Set([]ring.Member{m})
}

// A reader is a follower and its table.
type reader struct {
	*Follower
	table *ring.Table
}

func startReader(t *testing.T, c Config) *reader {
	t.Helper()
	r := &reader{table: ring.NewTable()}
	f, err := NewFollower(c, r.table)
	if err != nil {
		t.Fatal(err)
	}
	r.Follower = f
	run(t, f.Run)
	return r
}

// await waits until the table has exactly these members.
func (r *reader) await(t *testing.T, members ...ring.Member) {
	t.Helper()
	slices.SortFunc(members, func(a, b ring.Member) int { return strings.Compare(a.ID, b.ID) })
	timeout := time.After(patience)
	for {
		view, changed := r.table.Watch()
		if slices.Equal(view.Members(), members) {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("the table has %v, want %v", view.Members(), members)
		}
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not happen", what)
		}
	}
}

// client returns a plain client of ZooKeeper, such as CIM's.
func client(t *testing.T, on *spawn.Server) *zk.Conn {
	t.Helper()
	conn, events, err := zk.Connect([]string{on.Addr()}, time.Second, zk.WithLogger(logger{slog.New(slog.DiscardHandler)}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		for range events {
		}
	})
	return conn
}

// An unmodified CIM route finds a node by the name of an ephemeral child.
func TestNodeStandsWhereCIMLooks(t *testing.T) {
	c := config(t, server)
	c.Root = "" // CIM's own
	n := startNode(t, c, ring.Member{ID: "n", Client: "10.1.2.3:11211", HTTP: "10.1.2.3:8081", Weight: 1})
	conn := client(t, server)
	var stat *zk.Stat
	eventually(t, "the child", func() bool {
		var err error
		_, stat, err = conn.Get("/cim/10.1.2.3:11211:8081")
		return err == nil
	})
	if stat.EphemeralOwner == 0 {
		t.Error("the child is not ephemeral")
	}
	n.stop()
	if there, _, err := conn.Exists("/cim/10.1.2.3:11211:8081"); there || err != nil {
		t.Errorf("after its end the node is there: %v, %v", there, err)
	}
}

func TestPublishedNodesAreFollowed(t *testing.T) {
	c := config(t, server)
	r := startReader(t, c)
	r.await(t)
	n1, n2 := startNode(t, c, member("n1")), startNode(t, c, member("n2"))
	r.await(t, member("n1"), member("n2"))

	draining := member("n1")
	draining.State = ring.Draining
	n1.set(draining)
	r.await(t, draining, member("n2"))
	n2.stop()
	r.await(t, draining)
}

func TestLoadIsWrittenAtABoundedRate(t *testing.T) {
	c := config(t, server)
	r := startReader(t, c)
	n := startNode(t, c, member("n1"))
	r.await(t, member("n1"))
	start := time.Now()
	seen := make(map[int]bool)
	loaded := member("n1")
	for loaded.Load = 1; loaded.Load < 50; loaded.Load++ {
		n.set(loaded)
		seen[r.table.Current().Members()[0].Load] = true
		time.Sleep(5 * time.Millisecond) // a load changes as time goes
	}
	r.await(t, n.get())
	if took := time.Since(start); took < time.Second || len(seen) > 1+int(took/(2*time.Second)) {
		t.Errorf("%d loads were written in %v, want one every 2 s", len(seen), took)
	}
}

func TestChildrenThatAreNoMembersAreCounted(t *testing.T) {
	c := config(t, server)
	conn := client(t, server)
	if err := ensure(conn, c.Root); err != nil {
		t.Fatal(err)
	}
	evil, err := ring.NewKeys([]byte("another cluster's")).Sealed(member("n9")).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"10.0.0.1:1:2": nil, "10.0.0.2:1:2": []byte("10.0.0.2"), "10.0.0.3:1:2": evil} {
		if _, err := conn.Create(c.Root+"/"+name, data, zk.FlagEphemeral, zk.WorldACL(zk.PermAll)); err != nil {
			t.Fatal(err)
		}
	}
	r := startReader(t, c)
	startNode(t, c, member("n1"))
	r.await(t, member("n1"))
	for kind, want := range map[string]float64{isMember: 1, isForeign: 2, isRefused: 1} {
		eventually(t, fmt.Sprintf("a count of %v %s", want, kind), func() bool {
			return testutil.ToFloat64(r.gauge.WithLabelValues(kind)) == want
		})
	}
}

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

func TestEntryOfAnEarlierBootIsReplacedAtOnce(t *testing.T) {
	c := config(t, server)
	c.Session = 6 * time.Second
	r := startReader(t, c)
	older := member("n1")
	conn := client(t, server)
	eventually(t, "the root", func() bool { there, _, err := conn.Exists(c.Root); return there && err == nil })
	data, err := clusterKeys.Sealed(older).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Create(c.Root+"/"+Name(older), data, zk.FlagEphemeral, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	r.await(t, older)
	newer := older
	newer.Boot++
	n := startNode(t, c, newer)
	start := time.Now()
	r.await(t, newer)
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("replaced after %v, want at once", took)
	}
	conn.Close() // the earlier session ends, and must not take the entry with it
	later := newer
	later.State = ring.Draining
	n.set(later)
	r.await(t, later)
}

func TestEntryOfAnotherNodeIsWaitedOut(t *testing.T) {
	c := config(t, server)
	first := startNode(t, c, member("n1"))
	r := startReader(t, c)
	r.await(t, member("n1"))
	other := member("n1")
	other.ID = "other"
	told := make(chan string, 100)
	c.Logger = slog.New(slog.NewTextHandler(lineChan(told), nil))
	startNode(t, c, other)
	for line := range told {
		if strings.Contains(line, "another node stands at our address") {
			break
		}
	}
	r.await(t, member("n1"))
	first.stop()
	r.await(t, other)
}

func TestDeletedEntryComesBack(t *testing.T) {
	c := config(t, server)
	startNode(t, c, member("n1"))
	r := startReader(t, c)
	r.await(t, member("n1"))
	conn := client(t, server)
	if err := conn.Delete(c.Root+"/"+Name(member("n1")), -1); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a new entry", func() bool {
		there, _, err := conn.Exists(c.Root + "/" + Name(member("n1")))
		return there && err == nil
	})
	r.await(t, member("n1"))
}

func TestNodeThatMovedStandsOnce(t *testing.T) {
	c := config(t, server)
	here, there := member("n1"), member("n1")
	there.Client, there.Boot = "10.9.9.9:11211", 2
	old := startNode(t, c, here)
	r := startReader(t, c)
	r.await(t, here)
	startNode(t, c, there)
	r.await(t, there)
	old.stop()
	r.await(t, there)
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

func TestMirrorConfigIsChecked(t *testing.T) {
	for want, c := range map[string]Config{
		"no ZooKeeper server": {},
		`root "cim"`:          {Servers: []string{"a"}, Root: "cim"},
		`root "/cim/"`:        {Servers: []string{"a"}, Root: "/cim/"},
		`root "/"`:            {Servers: []string{"a"}, Root: "/"},
	} {
		if _, err := NewFollower(c, ring.NewTable()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
		if _, err := NewPublisher(c, nil, nil); err == nil {
			t.Errorf("%q: the publisher takes it", want)
		}
	}
}
