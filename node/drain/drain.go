package drain

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/cim-go/cim/node/routes"
	"github.com/cim-go/cim/proto"
)

const (
	// noticeTime is the time from the beginning of a drain to its first step, and the
	// least time that a drain takes. Routes read the members every 1.5 s, so by then they
	// know of the drain. From then on they send no users here. They send the users of
	// this node to the nodes that will own them once this node is gone.
	noticeTime = 2 * time.Second
	stepEvery  = 100 * time.Millisecond
	logEvery   = 5 * time.Second
)

// Session is a client's connection. Its methods do not block.
type Session interface {
	// LeavesAt reports whether the session is open and due to be sent away.
	LeavesAt(now time.Time) bool
	// MoveItem returns the data with which a route moves the session. It returns nil for
	// a CIM connection, which cannot be moved.
	MoveItem() *proto.MoveItem
	// Depart records when the session is to be sent away again. If ticket is not nil,
	// it redirects the client.
	Depart(again time.Time, ticket *proto.Moved)
}

// Sessions has the sessions of the node, in hub.Shards parts.
type Sessions[S any] interface {
	Entries() int
	PeersIn(shard int, list []S) []S
}

// Mover gets tickets for other nodes.
type Mover interface {
	Move(ctx context.Context, r *proto.MoveRequest) (*proto.MoveAnswer, error)
}

// Reconciler starts a reconciliation of everything.
type Reconciler interface {
	Hurry()
}

// Closer closes CIM connections.
type Closer[S any] interface {
	// Leave closes a connection. If there are routes of CIM, it tells them first.
	Leave(s S)
}

// Config of a Drainer. All fields are required but Elsewhere and Registerer.
type Config[S Session] struct {
	Sessions   Sessions[S]
	Route      Mover
	Reconciler Reconciler
	CIM        Closer[S]
	Elsewhere  func() bool   // reports whether another member takes users; nil: none ever does
	Rate       int           // how many clients are sent away per second
	Timeout    time.Duration // of a drain, not counting while no route answers

	Failed     prometheus.Counter    // counts requests without an answer
	Registerer prometheus.Registerer // nil: no metrics
	Logger     *slog.Logger
}

// Drainer empties a node. It is safe for concurrent use. Make it with New.
type Drainer[S Session] struct {
	config  Config[S]
	once    sync.Once
	started chan struct{} // closed by Start

	moved  prometheus.Counter
	closed prometheus.Counter

	movedCount  atomic.Int64
	closedCount atomic.Int64
	waiting     atomic.Pointer[string] // why no client can be moved now; nil: clients are moved

	// Owned by Run.
	budget  float64        // how many clients may be sent away now
	refill  time.Time      // when budget was last added to
	shard   int            // the part of the hub where the next step begins
	rest    time.Time      // no client is sent away before this
	retries routes.Backoff // the pause after steps that no route answered
}

// New starts nothing.
func New[S Session](c Config[S]) *Drainer[S] {
	f := promauto.With(c.Registerer)
	d := &Drainer[S]{
		config: c, started: make(chan struct{}), retries: routes.Backoff{Most: 2 * time.Second},
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

// Start begins the drain. It does not block. Calling it again does nothing.
func (d *Drainer[S]) Start() { d.once.Do(func() { close(d.started) }) }

// Started returns a channel that is closed once Start was called.
func (d *Drainer[S]) Started() <-chan struct{} { return d.started }

// Draining reports whether Start was called.
func (d *Drainer[S]) Draining() bool {
	select {
	case <-d.started:
		return true
	default:
		return false
	}
}

func (d *Drainer[S]) remaining() int {
	if !d.Draining() {
		return 0
	}
	return d.config.Sessions.Entries()
}

// Status returns how far the drain has come.
func (d *Drainer[S]) Status() proto.DrainStatus {
	s := proto.DrainStatus{
		Draining: d.Draining(), Held: d.config.Sessions.Entries(), Moved: d.movedCount.Load(), Closed: d.closedCount.Load(),
	}
	if why := d.waiting.Load(); why != nil {
		s.Waiting = *why
	}
	return s
}

// Left is called when a session has closed. The parameters are the session's Departure
// and the code with which it closed. If the session had been moved, Left counts it.
func (d *Drainer[S]) Left(way *Departure, code proto.Code) {
	if way.moved(code) {
		d.moved.Inc()
		d.movedCount.Add(1)
	}
}

// Run waits for Start and returns when the node is to end, or when ctx ends.
func (d *Drainer[S]) Run(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-d.started:
	}
	start := time.Now()
	d.config.Logger.Info("drain starts", "connections", d.remaining())
	why := d.empty(ctx)
	s := d.Status()
	d.config.Logger.Info("drain ends", "moved", s.Moved, "closed", s.Closed, "left", s.Held, "dur", time.Since(start), "reason", why)
}

// empty sends sessions away until the drain is over. It returns why it is over.
func (d *Drainer[S]) empty(ctx context.Context) (why string) {
	ticks := time.NewTicker(stepEvery)
	defer ticks.Stop()
	start := time.Now()
	last, logged := start, start
	d.refill = start.Add(noticeTime)
	var spent time.Duration // how much of config.Timeout has passed
	answered := true        // a route answered the last request
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
		case spent >= d.config.Timeout:
			return "time is up"
		case noticed:
			answered = d.step(ctx, now, answered)
		}
		if now.Sub(logged) >= logEvery {
			d.logStatus()
			logged = now
		}
		select {
		case <-ctx.Done():
		case <-ticks.C:
		}
	}
}

func (d *Drainer[S]) elsewhere() bool { return d.config.Elsewhere != nil && d.config.Elsewhere() }

func (d *Drainer[S]) logStatus() {
	s := d.Status()
	args := []any{"moved", s.Moved, "closed", s.Closed, "left", s.Held}
	if s.Waiting != "" {
		args = append(args, "reason", s.Waiting)
	}
	d.config.Logger.Info("drain goes on", args...)
}
