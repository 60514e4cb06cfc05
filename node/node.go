package node

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/skew"
	"github.com/cim-go/cim/proto/stream"
)

// Node is one node of a cluster. Make it with New and start it with Run.
type Node struct {
	config  Config
	log     *slog.Logger
	start   time.Time
	metrics *metrics
	origin  *proto.Origin
	hub     *hub.Hub[*session]
	tokens  atomic.Pointer[[]string] // of routes; none: everybody may push
	links   *link.Server

	reporter   *reporter
	lanes      [laneCount]*lane
	puller     *puller
	reconciler *reconciler
	asker      *asker
	keys       *keys
	clocks     *skew.Clocks
	lost       atomic.Int64 // when the store lost something, as a route told last
	drainer    *drainer
	streams    *stream.Server // of routes that push
	backlog    atomic.Int64   // bytes of messages at the lanes
	relays     *relays
	storeTime  storeTime
	used       usedIDs
}

// New checks the configuration, fills its defaults, and starts nothing.
func New(c Config) (*Node, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	n := &Node{
		config: c,
		log:    c.Logger.With("node", c.ID),
		start:  time.Now(),
		origin: &proto.Origin{Node: c.ID, Boot: c.Boot, Address: c.Address},
		hub:    hub.New[*session](),
	}
	n.storeTime.begun = n.start
	n.SetServiceTokens(c.ServiceToken, c.OtherTokens...)
	n.metrics = newMetrics(c.Registerer, &n.backlog)
	n.reporter = newReporter(n)
	for i := range n.lanes {
		n.lanes[i] = newLane(n)
	}
	n.puller = newPuller()
	n.relays = newRelays(n)
	n.reconciler = newReconciler(n)
	n.asker = newAsker()
	n.keys = newKeys(n)
	n.drainer = newDrainer(n, c.Registerer)
	n.streams = stream.NewServer(stream.ServerConfig{Handle: n.handleStreamed, MaxBody: maxPush, MaxCalls: 1})
	clocks, err := skew.New(c.Registerer, n.log)
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	n.clocks = clocks
	links, err := link.NewServer(c.link(n.accept))
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	n.links = links
	return n, nil
}

func (n *Node) accept(l *link.Link) link.Handler {
	return &session{node: n, link: l, since: time.Since(n.start)}
}

// Connections returns how many connections have logged in, confirmed or not.
func (n *Node) Connections() int { return n.hub.Entries() }

// Users returns how many users have a confirmed connection.
func (n *Node) Users() int { return n.hub.Users() }

// Reconcile makes the node go through everything it holds now instead of within
// Config.ReconcileEvery. Call it when others may have given the node up.
func (n *Node) Reconcile() { n.reconciler.hurry() }

// Run serves until ctx ends, a drain is over, or a listener fails. It then
// accepts nothing more, says GoingAway on every connection that is left, reports
// them closed, and returns within Config.StopTimeout, with nil unless a listener
// was the reason.
func (n *Node) Run(ctx context.Context) error {
	serving, giveUp := context.WithCancel(ctx)
	defer giveUp()
	// What works for connections ends after them.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var workers, reporting sync.WaitGroup
	ended := make(chan struct{})
	reporting.Go(func() { n.reporter.run(work, ended) })
	for _, l := range n.lanes {
		workers.Go(func() { l.run(work) })
	}
	workers.Go(func() { n.puller.run(work) })
	workers.Go(func() { n.reconciler.run(work) })
	workers.Go(func() { n.watchLoad(work) })
	workers.Go(func() { n.askToFire(work) })
	workers.Go(func() { n.keys.run(work) })
	workers.Go(func() {
		defer giveUp()
		n.drainer.run(serving)
	})
	var httpErr error
	workers.Go(func() {
		defer giveUp()
		httpErr = n.serveHTTP(work)
	})

	n.log.Info("node serves", "peer", n.config.Clients.Addr().String())
	err := n.links.Run(serving, n.config.Clients)
	n.log.Info("node stops")

	// The links took at most four seconds; what is left is for the goodbyes to
	// the routes.
	bound := time.AfterFunc(n.config.StopTimeout/2, stop)
	defer bound.Stop()
	close(ended)
	reporting.Wait()
	stop()
	workers.Wait()
	if err == nil {
		err = httpErr
	}
	return err
}

// watchLoad tells the program how full the node is when an eighth was passed,
// until ctx ends.
func (n *Node) watchLoad(ctx context.Context) {
	if n.config.Load == nil || n.config.Capacity == 0 {
		return
	}
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	told := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		if eighths := n.hub.Entries() * 8 / n.config.Capacity; eighths != told {
			told = eighths
			n.config.Load(eighths)
		}
	}
}
