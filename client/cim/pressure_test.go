package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/node"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/redistest"
)

const slowOutbox = 64 << 10 // bytes that wait for one connection in the story of the slow reader

// A slow reader among a thousand: its memory is bounded, the others do not wait
// for it, and it catches up later with nothing missing.
func TestSlowReaderAmongAThousand(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{nodes: 1, store: realRedis(t), node: func(c *node.Config) {
		c.Limits.OutboxBytes, c.Clients = slowOutbox, smallBuffers{c.Clients, 32 << 10}
		// On a machine that has other things to do a push may be too late, and a pong.
		c.Timeouts.Reconcile, c.Timeouts.PingEvery = 3*time.Second, time.Minute
	}})
	station := s.nodes[0]
	hall := newHall(t, s, 999)
	writer := connect(t, []string{s.url}, "alice")

	const rounds = 10
	alone := hall.talk(writer, rounds)

	tap := newTap()
	bob := connectAs(t, client.Config{Routes: []string{s.url}, Name: "bob", Device: "test", Dial: tap.dial})
	send(t, writer, bob.Self().User, "first")
	if got := shown(t, bob, 1); got[0] != "first" {
		t.Fatalf("bob was shown %q", got)
	}
	tap.shut()
	lags := func() bool { return gauge(t, station.metrics, "cim_node_links", "lagging") == 1 }
	flood := flood(t, connect(t, []string{s.url}, "carol"), bob.Self().User, lags)
	beside := hall.talk(writer, rounds)
	// The gauges are set once per second. When the others have taken everything, only
	// bob's bytes wait.
	var queued float64
	within(t, 5*time.Second, "one lags, and what waits for it is bounded", func() bool {
		queued = gauge(t, station.metrics, "cim_node_outbox_bytes", "")
		return lags() && queued > slowOutbox/4 && queued <= slowOutbox+1<<10
	})
	t.Logf("%d and %d pushes to %d others: p50 %v p99 %v without, p50 %v p99 %v beside a reader that takes nothing, for whom %.0f bytes wait",
		len(alone), len(beside), len(hall.seats), alone.at(50), alone.at(99), beside.at(50), beside.at(99), queued)

	begun := time.Now()
	tap.open()
	var texts []string
	for _, text := range shown(t, bob, flood+rounds) {
		if !strings.HasPrefix(text, talkPrefix) {
			texts = append(texts, text)
		}
	}
	t.Logf("%d messages caught up in %v", flood+rounds, time.Since(begun))
	if len(texts) != flood {
		t.Errorf("%d private messages of %d, the rest are another log's", len(texts), flood)
	}
	for i, text := range texts {
		if text != padded(i) {
			t.Fatalf("message %d is %.20q", i, text)
		}
	}
}

// realRedis is a server that lasts as long as the test.
func realRedis(t *testing.T) (url string) {
	t.Helper()
	server, err := redistest.Redis(t.Context(), redistest.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server.URL()
}

const floodText = 4 << 10 // bytes of a message of a flood

// flood sends a user messages, a few at a time, until that is enough, and returns
// how many were accepted.
func flood(t *testing.T, from *client.Client, user int64, enough func() bool) (n int) {
	t.Helper()
	eventually(t, "a reader that takes nothing lags", func() bool {
		var pending []*client.Pending
		for range 50 {
			p, err := from.Enqueue(t.Context(), client.Outgoing{To: user, Text: padded(n)})
			if err != nil {
				t.Fatal(err)
			}
			pending = append(pending, p)
			n++
		}
		for _, p := range pending {
			if _, err := p.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return enough()
	})
	return n
}

// padded is a text of floodText bytes that begins with its number.
func padded(i int) string { return fmt.Sprintf("%-*d.", floodText-1, i) }

// tap is a way to a node that can be shut: then nothing is read.
type tap struct {
	mu   sync.Mutex
	flow chan struct{} // closed while it is open
}

func newTap() *tap {
	t := &tap{flow: make(chan struct{})}
	close(t.flow)
	return t
}

func (t *tap) shut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flow = make(chan struct{})
}

func (t *tap) open() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.flow)
}

func (t *tap) dial(ctx context.Context, n proto.Node) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", n.Address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(32 << 10) // a wish: with a larger one the node feels it later
	}
	return &tapped{Conn: conn, tap: t, closed: make(chan struct{})}, nil
}

type tapped struct {
	net.Conn
	tap    *tap
	once   sync.Once
	closed chan struct{}
}

func (c *tapped) Read(b []byte) (int, error) {
	c.tap.mu.Lock()
	flow := c.tap.flow
	c.tap.mu.Unlock()
	select {
	case <-flow:
		return c.Conn.Read(b)
	case <-c.closed:
		return 0, net.ErrClosed
	}
}

func (c *tapped) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// hall is a crowd of light connections that note when they hear what is said to
// everyone.
type hall struct {
	t     *testing.T
	seats []*seat
}

type seat struct {
	*peer
	knows atomic.Int64 // number of the newest message to everyone that it was sent or told of

	mu   sync.Mutex
	took spread // from the moment that each message was sent
}

const talkPrefix = "to everyone "

func newHall(t *testing.T, s *system, n int) *hall {
	t.Helper()
	h := &hall{t: t}
	var readers sync.WaitGroup
	begun := time.Now()
	for i := range n {
		ticket := login(t, s.url, proto.LoginRequest{Name: "carol-" + strconv.Itoa(i), Device: "test"})
		seat := &seat{peer: enter(t, ticket)}
		if err := seat.conn.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		h.seats = append(h.seats, seat)
		readers.Go(func() { h.listen(seat) })
	}
	t.Logf("%d logged in and connected in %v", n, time.Since(begun))
	t.Cleanup(func() {
		for _, s := range h.seats {
			s.conn.Close()
		}
		readers.Wait()
	})
	return h
}

func (h *hall) listen(s *seat) {
	for {
		f, err := proto.ReadFrame(s.in, 1<<20)
		if err != nil {
			return
		}
		for _, mark := range append(f.Newest, f.At) { // a push that came too late is told of
			if mark.GetLog() == proto.Everyone && mark.Number > s.knows.Load() {
				s.knows.Store(mark.Number)
			}
		}
		if said, ok := strings.CutPrefix(f.ReqMsg, talkPrefix); ok {
			ns, _ := strconv.ParseInt(strings.TrimRight(said, "."), 10, 64)
			s.mu.Lock()
			s.took = append(s.took, time.Since(time.Unix(0, ns)))
			s.mu.Unlock()
		}
	}
}

// talk says n things to everyone, five a second, waits until everybody has heard
// of the last one, and returns how long those that were pushed took.
func (h *hall) talk(writer *client.Client, n int) spread {
	h.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	var last int64
	for range n {
		text := talkPrefix + strconv.FormatInt(time.Now().UnixNano(), 10)
		receipt, err := writer.SendEveryone(h.t.Context(), text+strings.Repeat(".", 1<<10-len(text)))
		if err != nil {
			h.t.Fatal(err)
		}
		last = receipt.At.Number
		<-tick.C
	}
	eventually(h.t, "everybody has heard of everything", func() bool {
		return !slices.ContainsFunc(h.seats, func(s *seat) bool { return s.knows.Load() < last })
	})
	var all spread
	for _, s := range h.seats {
		s.mu.Lock()
		all = append(all, s.took...)
		s.took = nil
		s.mu.Unlock()
	}
	slices.Sort(all)
	return all
}

// spread is a sorted list of times.
type spread []time.Duration

// at returns a percentile.
func (s spread) at(percent int) time.Duration {
	if len(s) == 0 {
		return 0
	}
	return s[(len(s)-1)*percent/100].Round(10 * time.Microsecond)
}

// gauge sums the values of a metric, of those with the label value if one is
// named.
func gauge(t *testing.T, g prometheus.Gatherer, name, label string) (sum float64) {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			of := label == ""
			for _, l := range m.GetLabel() {
				of = of || l.GetValue() == label
			}
			if of {
				sum += m.GetGauge().GetValue()
			}
		}
	}
	return sum
}
