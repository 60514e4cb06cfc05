package mirror

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"go.uber.org/goleak"

	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/ring/mirror/zktest"
)

// server is the ZooKeeper of all tests, except for those that stop one.
var server *zktest.Server

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "mirror")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		ctx, cancel := context.WithTimeout(context.Background(), wait.Limit)
		defer cancel()
		if server, err = zktest.Start(ctx, zktest.Config{Dir: dir}); err != nil {
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

var clusterKeys = ring.NewKeys([]byte("cluster key"))

func member(id string) ring.Member {
	return ring.Member{
		ID: id, Boot: 1, Client: "10.0.0." + strings.TrimPrefix(id, "n") + ":11211", HTTP: "10.0.0.9:8081",
		Gossip: "10.0.0.9:7946", Weight: 1, State: ring.Serving,
	}
}

// config returns a config with the test's own root. The session's time-out is longer
// than any pause of a busy machine. A test in which sessions expire sets a shorter one.
func config(t *testing.T, on *zktest.Server) Config {
	return Config{
		Servers: []string{on.Addr()}, Root: "/test/" + strings.ReplaceAll(t.Name(), "/", "_"), Keys: clusterKeys,
		Session: time.Minute, Logger: slog.New(slog.NewTextHandler(testWriter{t}, nil)),
	}
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	_, msg, _ := strings.Cut(string(b), "level=")
	w.t.Log(strings.TrimSpace(msg))
	return len(b), nil
}

// lineChan sends log lines to a channel.
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

// set changes the node's member, as gossip does.
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
	timeout := time.After(wait.Limit)
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

// eventually waits for a condition.
var eventually = wait.Until

// client returns a plain client of ZooKeeper, as CIM's server uses it.
func client(t *testing.T, on *zktest.Server) *zk.Conn {
	t.Helper()
	conn, events, err := zk.Connect([]string{on.Addr()}, time.Minute, zk.WithLogger(logger{slog.New(slog.DiscardHandler)}))
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
