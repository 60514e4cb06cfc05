package seed

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/ring"
)

var clusterKeys = ring.NewKeys([]byte("cluster key"))

// member returns a serving member whose HTTP is id:8081.
func member(id string) ring.Member {
	return ring.Member{ID: id, Boot: 1, Client: id + ":11211", HTTP: id + ":8081", Weight: 1, State: ring.Serving}
}

// nodes are the nodes of a cluster without sockets. It is a RoundTripper.
type nodes struct {
	mu    sync.Mutex
	serve map[string]http.Handler // by host:port
	asked []string                // host:port and status of each request, in order
	block chan struct{}           // if not nil, a request sends to it, and receives from it before the answer
}

func (n *nodes) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	h, block := n.serve[r.URL.Host], n.block
	n.mu.Unlock()
	if block != nil {
		if r.Context().Err() != nil {
			return nil, r.Context().Err()
		}
		block <- struct{}{}
		<-block
	}
	status := 0
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.asked = append(n.asked, fmt.Sprintf("%s %d", r.URL.Host, status))
	}()
	if h == nil || r.URL.Path != "/members" {
		return nil, errors.New("connection refused")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	status = w.Code
	return w.Result(), nil
}

func (n *nodes) set(host string, h http.Handler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.serve[host] = h
}

// requests returns the requests since the last call.
func (n *nodes) requests() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	asked := strings.Join(n.asked, ", ")
	n.asked = nil
	return asked
}

// clock moves only when a test calls pass.
type clock struct{ now instant }

func (c *clock) pass(d time.Duration) {
	c.now.mono += d
	c.now.wall = c.now.wall.Add(d)
}

// world is three nodes with one table, and a client whose seed is the first.
type world struct {
	table *ring.Table
	nodes *nodes
	clock *clock
	*Client
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{table: ring.NewTable(), clock: &clock{now: now()}}
	w.table.Set([]ring.Member{member("a"), member("b"), member("c")})
	h := Handler(w.table, clusterKeys, nil)
	w.nodes = &nodes{serve: map[string]http.Handler{"a:8081": h, "b:8081": h, "c:8081": h}}
	c, err := New(Config{
		Seeds: []string{"a:8081"}, Keys: clusterKeys, Client: &http.Client{Transport: w.nodes},
		Fresh: time.Second, MaxStale: time.Minute, Registerer: prometheus.NewRegistry(),
		now: func() instant { return w.clock.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Client = c
	return w
}

func (w *world) ids(t *testing.T) string {
	t.Helper()
	view, err := w.View(t.Context())
	if err != nil {
		t.Fatalf("no view: %v", err)
	}
	var ids []string
	for _, m := range view.Members() {
		ids = append(ids, m.ID)
	}
	return strings.Join(ids, " ")
}

func (w *world) expect(t *testing.T, requests string) {
	t.Helper()
	if got := w.nodes.requests(); got != requests {
		t.Errorf("asked %q, want %q", got, requests)
	}
}

func tableOf(members ...ring.Member) *ring.Table {
	table := ring.NewTable()
	table.Set(members)
	return table
}
