package node

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/cim-go/cim/proto"
)

const (
	// noticeTime is from the beginning of a drain to its first wave, and the least
	// that it takes: by then routes know, which look at the members every second
	// and a half. They send nobody new here, and the users of this node to those
	// who own them without it.
	noticeTime = 2 * time.Second
	waveEvery  = 100 * time.Millisecond
	tellEvery  = 5 * time.Second // in the log
)

// drainer empties a node that leaves on purpose. In waves it gets tickets
// elsewhere from a route and redirects clients, which close their connection
// here once the other one is live; wave.go has how. Logins go on: a client that
// was sent here before the routes knew is moved like all others.
type drainer struct {
	node *Node
	once sync.Once
	ask  chan struct{} // closed by Node.Drain

	moved  prometheus.Counter
	closed prometheus.Counter

	movedCount  atomic.Int64
	closedCount atomic.Int64
	waiting     atomic.Pointer[string] // why there are no waves

	// Owned by run.
	budget  float64   // clients that may be sent away now
	refill  time.Time // when budget was last added to
	shard   int       // of the hub, where the next wave looks first
	rest    time.Time // nobody is to be sent away before
	retries backoff   // of waves that a route did not answer
}

func newDrainer(n *Node, r prometheus.Registerer) *drainer {
	f := promauto.With(r)
	d := &drainer{
		node: n, ask: make(chan struct{}), retries: backoff{most: 2 * time.Second},
		moved: f.NewCounter(prometheus.CounterOpts{
			Name: "cim_node_drain_moved_total", Help: "Clients that a drain sent to another node and that went.",
		}),
		closed: f.NewCounter(prometheus.CounterOpts{
			Name: "cim_node_drain_closed_total", Help: "CIM connections that a drain closed; they come back by themselves.",
		}),
	}
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "cim_node_drain_remaining", Help: "Connections that a drain has still to empty; zero while the node stays.",
	}, func() float64 { return float64(d.remaining()) })
	return d
}

// Drain makes the node leave: it gives its users to other nodes, at most
// Config.DrainRate a second, and Run returns when nobody is left. What is left
// after Config.DrainTimeout, or at once when there is nobody to go to, is closed
// with proto.GoingAway. Drain does not wait. Calling it again does nothing; to cut
// a drain short, end Run's context.
func (n *Node) Drain() { n.drainer.once.Do(func() { close(n.drainer.ask) }) }

// Draining returns a channel that is closed once Drain was called, by the
// program or by an operator over HTTP.
func (n *Node) Draining() <-chan struct{} { return n.drainer.ask }

func (d *drainer) begun() bool {
	select {
	case <-d.ask:
		return true
	default:
		return false
	}
}

func (d *drainer) remaining() int {
	if !d.begun() {
		return 0
	}
	return d.node.hub.Entries()
}

func (d *drainer) status() proto.DrainStatus {
	s := proto.DrainStatus{
		Draining: d.begun(), Held: d.node.hub.Entries(), Moved: d.movedCount.Load(), Closed: d.closedCount.Load(),
	}
	if why := d.waiting.Load(); why != nil {
		s.Waiting = *why
	}
	return s
}

// run waits for Drain and returns when the node is to end, or when ctx does.
func (d *drainer) run(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-d.ask:
	}
	start := time.Now()
	d.node.log.Info("drain starts", "connections", d.remaining())
	why := d.empty(ctx)
	s := d.status()
	d.node.log.Info("drain ends", "moved", s.Moved, "closed", s.Closed, "left", s.Held, "dur", time.Since(start), "reason", why)
}

// empty returns why there is no more to do.
func (d *drainer) empty(ctx context.Context) (why string) {
	ticks := time.NewTicker(waveEvery)
	defer ticks.Stop()
	start := time.Now()
	last, told := start, start
	d.refill = start.Add(noticeTime)
	var spent time.Duration // of the time that a drain has
	answered := true        // by a route, when last asked
	for {
		now := time.Now()
		if answered {
			spent += now.Sub(last)
		}
		last = now
		noticed := now.Sub(start) >= noticeTime
		switch {
		case ctx.Err() != nil:
			return "told to stop"
		case !d.elsewhere():
			return "no other member takes users"
		case noticed && d.remaining() == 0:
			return "nobody is left"
		case spent >= d.node.config.DrainTimeout:
			return "time is up"
		case noticed:
			answered = d.wave(ctx, now, answered)
		}
		if now.Sub(told) >= tellEvery {
			d.tell()
			told = now
		}
		select {
		case <-ctx.Done():
		case <-ticks.C:
		}
	}
}

func (d *drainer) elsewhere() bool {
	return d.node.config.Elsewhere != nil && d.node.config.Elsewhere()
}

func (d *drainer) tell() {
	s := d.status()
	args := []any{"moved", s.Moved, "closed", s.Closed, "left", s.Held}
	if s.Waiting != "" {
		args = append(args, "reason", s.Waiting)
	}
	d.node.log.Info("drain goes on", args...)
}
