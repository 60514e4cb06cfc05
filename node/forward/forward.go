package forward

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/cim-go/cim/proto"
)

// queueCount is how many queues there are, and so how many requests are in flight at
// most.
const queueCount = 4

// Route stores messages. See routes.Messages for what an error means.
type Route interface {
	Send(ctx context.Context, r *proto.SendRequest) (*proto.SendAnswer, error)
}

// Reconciler knows whether the process may have stood still.
type Reconciler interface {
	// Sure reports whether the node may rely on the connections that it holds. After the
	// process stood still, Sure returns false until the node has reconciled.
	Sure(now time.Time) bool
	// Hurry starts a reconciliation of everything. It does not block.
	Hurry()
}

// Links has the connections of the node.
type Links interface {
	// Cork holds back writes to all connections until the caller calls uncork.
	Cork() (uncork func())
}

// Config of a Forwarder. All fields are required but Registerer.
type Config struct {
	Route        Route
	Reconciler   Reconciler
	Links        Links
	Timeout      time.Duration // from a message's arrival until its sender gets Unknown
	BacklogBytes int           // of all messages that wait; above it, each connection may have only one

	Items      prometheus.Observer   // gets the number of messages in each request
	Failed     prometheus.Counter    // counts requests without an answer
	Registerer prometheus.Registerer // nil: no metrics
	Logger     *slog.Logger
}

// Forwarder forwards messages to routes. It is safe for concurrent use.
type Forwarder struct {
	config  Config
	queues  [queueCount]*queue
	backlog atomic.Int64 // bytes of all messages that wait
	used    usedIDs
	time    storeTime
	lost    atomic.Int64 // when the store last lost something, ms since 1970; zero: never

	answers *prometheus.CounterVec // by code
}

// New starts nothing.
func New(c Config) *Forwarder {
	f := &Forwarder{config: c, time: storeTime{begun: time.Now()}}
	for i := range f.queues {
		f.queues[i] = newQueue(f)
	}
	metrics := promauto.With(c.Registerer)
	metrics.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "cim_node_backlog_bytes", Help: "Messages of clients that wait for a route.",
	}, func() float64 { return float64(f.Backlog()) })
	f.answers = metrics.NewCounterVec(prometheus.CounterOpts{
		Name: "cim_node_send_answers_total", Help: "Messages of clients, by the code of their answer.",
	}, []string{"code"})
	for _, code := range proto.Codes() {
		f.answers.WithLabelValues(code.String())
	}
	return f
}

// Backlog returns how many bytes of messages wait for a route.
func (f *Forwarder) Backlog() int64 { return f.backlog.Load() }

// StoreLost handles a route's report of the store's last loss. The parameter at is the
// time of that loss, in ms since 1970. It is zero if the store never lost anything. If
// the time is new, StoreLost answers Unknown to all waiting messages, and the node
// reconciles.
func (f *Forwarder) StoreLost(at int64) {
	if at == 0 || f.lost.Swap(at) == at {
		return
	}
	f.config.Logger.Warn("the store has lost something: all connections are reported again")
	for _, q := range f.queues {
		q.lost.Store(true)
	}
	f.config.Reconciler.Hurry()
}

// Run forwards until ctx ends.
func (f *Forwarder) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, q := range f.queues {
		running.Go(func() { q.run(ctx) })
	}
	running.Wait()
}
