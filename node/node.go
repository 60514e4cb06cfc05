package node

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/node/api"
	"github.com/cim-go/cim/node/cim"
	"github.com/cim-go/cim/node/delayed"
	"github.com/cim-go/cim/node/drain"
	"github.com/cim-go/cim/node/forward"
	"github.com/cim-go/cim/node/groups"
	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/node/metrics"
	"github.com/cim-go/cim/node/pull"
	"github.com/cim-go/cim/node/report"
	"github.com/cim-go/cim/node/routes"
	"github.com/cim-go/cim/node/standstill"
	"github.com/cim-go/cim/node/tickets"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/skew"
)

// Node is one node of a cluster. Make it with New and start it with Run.
type Node struct {
	config  Config
	log     *slog.Logger
	start   time.Time
	metrics *metrics.Metrics
	calls   *routes.Calls
	hub     *hub.Hub[*session]
	links   *link.Server

	reports    *report.Sessions
	forwarder  *forward.Forwarder
	pulls      *pull.Queue
	watch      *standstill.Watch
	reconciler *report.Reconciler
	delayed    *delayed.Schedule
	tickets    *tickets.Checker
	drainer    *drain.Drainer[*session]
	catchUps   cim.Config   // the configuration of every CatchUp
	offline    *cim.Offline // nil: there are no routes of CIM to call
	internal   *api.Server
	groups     *groups.Groups[*session]
	deliverer  *deliverer
}

// New makes a node. It checks the configuration, fills its defaults, and starts
// nothing.
func New(c Config) (*Node, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	n := &Node{
		config: c,
		log:    c.Logger.With("node", c.ID),
		start:  time.Now(),
		calls: &routes.Calls{
			Sessions: c.Sessions, Messages: c.Messages, Timeout: c.Timeouts.Call,
			Origin: &proto.Origin{Node: c.ID, Boot: c.Boot, Address: c.Address},
		},
		hub: hub.New[*session](),
	}
	links, err := link.NewServer(c.link(n.accept))
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	n.links = links
	n.metrics = metrics.New(c.Registerer)
	n.pulls = pull.New()
	n.watch = report.NewWatch(c.Timeouts.Reconcile)
	failed := func(call string) prometheus.Counter { return n.metrics.Calls.WithLabelValues(call) }
	n.groups = groups.New(groups.Config[*session]{
		Hub: n.hub, Puller: reader{n.calls}, Queue: n.pulls, Process: n.watch,
		Gaps: n.metrics.Gaps, Failed: failed("pull"), Logger: n.log,
	})
	n.reports = report.NewSessions(report.Config{
		Route: n.calls, Groups: n.groups, Timeout: c.Timeouts.Call,
		Items: n.metrics.Batch.WithLabelValues("report"), Failed: failed("report"),
		ClosingsDropped: n.metrics.ClosingsDropped, MarksDropped: n.metrics.MarksDropped, Logger: n.log,
	})
	n.deliverer = &deliverer{
		boot: c.Boot, hub: n.hub, links: links, groups: n.groups,
		pushed: n.metrics.Pushed, gone: n.metrics.Gone, differences: n.metrics.Differences, log: n.log,
	}
	n.reconciler = report.NewReconciler(report.ReconcilerConfig{
		Records: n.calls, Holder: holder{n.hub, c.Gate != nil && c.Gate.Keys != nil}, Leases: n.groups, Settler: n.deliverer, Watch: n.watch, Every: c.Timeouts.Reconcile,
		Failed: failed("reconcile"), Logger: n.log,
	})
	n.deliverer.reconciler = n.reconciler
	n.forwarder = forward.New(forward.Config{
		Route: n.calls, Reconciler: n.reconciler, Links: links, Timeout: c.Timeouts.Send, BacklogBytes: c.Limits.BacklogBytes,
		Items: n.metrics.Batch.WithLabelValues("send"), Failed: failed("send"),
		Registerer: c.Registerer, Logger: n.log,
	})
	clocks, err := skew.New(c.Registerer, n.log)
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	poller := &routes.Poller{
		Route: n.calls, Verifier: c.Verifier, Clocks: clocks, Losses: n.forwarder, Now: c.Now, Logger: n.log,
	}
	n.delayed = delayed.New(delayed.Config{Poller: poller, Failed: failed("fire"), Logger: n.log})
	n.deliverer.delayed = n.delayed
	n.tickets = tickets.New(tickets.Config{
		Node: c.ID, Verifier: c.Verifier, Open: c.CIM.Open, Poller: poller, Failed: failed("keys"), Logger: n.log,
	})
	n.catchUps = cim.Config{Puller: n.calls, Queue: n.pulls, Reports: n.reports, Failed: failed("pull"), Logger: n.log}
	n.offline = cim.NewOffline(cim.OfflineConfig{
		Call: c.CIM.Offline, Hub: n.hub, Records: n.calls, Failed: failed("cim-offline"), Registerer: c.Registerer, Logger: n.log,
	})
	n.drainer = drain.New(drain.Config[*session]{
		Sessions: n.hub, Route: n.calls, Reconciler: n.reconciler, CIM: leaver{n.offline}, Elsewhere: c.Drain.Elsewhere,
		Rate: c.Drain.Rate, Timeout: c.Drain.Timeout, Failed: failed("move"), Registerer: c.Registerer, Logger: n.log,
	})
	n.internal = api.New(api.Config{
		Listener: c.Internal, Pages: c.InternalPages, Node: n.deliverer, Users: n.hub, Drainer: n.drainer, Open: c.CIM.Open, CIMPushers: c.CIM.Pushers,
		Tokens: append([]string{c.ServiceToken}, c.OtherTokens...), Gate: c.Gate, Members: c.Members, Metrics: c.Metrics, Profiles: c.Profiles, Ready: c.Ready,
	})
	return n, nil
}

func (n *Node) accept(l *link.Link) link.Handler {
	return &session{node: n, link: l, since: time.Since(n.start)}
}

// Connections returns how many connections have logged in, confirmed or not.
func (n *Node) Connections() int { return n.hub.Entries() }

// Users returns how many users have a confirmed connection.
func (n *Node) Users() int { return n.hub.Users() }

// Push delivers what a route has for this node. A route in the same process calls it in
// place of POST /push. Push does not wait for sockets. It keeps parts of the request, so
// the caller must not change the request afterwards.
func (n *Node) Push(r *proto.PushRequest) *proto.PushAnswer { return n.deliverer.Push(r) }

// Reconcile starts a reconciliation of everything now, instead of within
// Timeouts.Reconcile. Call it when other nodes may have removed this one from the
// members.
func (n *Node) Reconcile() { n.reconciler.Hurry() }

// Drain makes the node leave. It moves its users to other nodes, at most Drain.Rate of
// Config per second, and Run returns when none is left. Connections that remain after
// Drain.Timeout are closed with proto.GoingAway. If there is no other node, all
// connections are closed at once. Drain does not block. Calling it again does nothing.
// To cut a drain short, end Run's context.
func (n *Node) Drain() { n.drainer.Start() }

// Draining returns a channel that is closed once Drain was called, by the program or by
// an operator over HTTP.
func (n *Node) Draining() <-chan struct{} { return n.drainer.Started() }

// AskToFire makes the node call a route within a second, so that the route sends the
// delayed messages that are due. Call it when members have gone, because perhaps only
// they knew of some messages.
func (n *Node) AskToFire() { n.delayed.Soon() }

// Handler returns the handler of the internal port. Run serves it. A program may mount
// it elsewhere, too.
func (n *Node) Handler() http.Handler { return n.internal.Handler() }

// SetServiceTokens replaces the ServiceToken and the OtherTokens of Config. From then on
// a request must carry one of these. Streams that are open stay open. Empty tokens are
// ignored.
func (n *Node) SetServiceTokens(token string, others ...string) {
	n.internal.SetTokens(append([]string{token}, others...)...)
}

// Run serves until ctx ends, a drain is over, or a listener fails. Then it accepts no
// more connections, closes the remaining ones with GoingAway, reports them closed, and
// returns within Timeouts.Stop. The error is nil unless a listener failed.
func (n *Node) Run(ctx context.Context) error {
	serving, giveUp := context.WithCancel(ctx)
	defer giveUp()
	// The goroutines that work for connections must end after the connections, so they
	// get a context of their own.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var workers, reporting sync.WaitGroup
	ended := make(chan struct{})
	reporting.Go(func() { n.reports.Run(work, ended) })
	reporting.Go(func() { n.offline.Run(work, ended) })
	workers.Go(func() { n.forwarder.Run(work) })
	workers.Go(func() { n.pulls.Run(work) })
	workers.Go(func() { n.reconciler.Run(work) })
	workers.Go(func() { n.watchLoad(work) })
	workers.Go(func() { n.delayed.Run(work) })
	workers.Go(func() { n.tickets.Run(work) })
	workers.Go(func() {
		defer giveUp()
		n.drainer.Run(serving)
	})
	var httpErr error
	workers.Go(func() {
		defer giveUp()
		httpErr = n.internal.Run(work)
	})

	n.log.Info("node serves", "peer", n.config.Clients.Addr().String())
	err := n.links.Run(serving, n.config.Clients)
	n.log.Info("node stops")

	// The links took at most four seconds. The rest of Timeouts.Stop is for the last
	// reports.
	bound := time.AfterFunc(n.config.Timeouts.Stop/2, stop)
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

// watchLoad calls Config.Load with the load in eighths of the capacity, whenever that
// changes. It returns when ctx ends.
func (n *Node) watchLoad(ctx context.Context) {
	if n.config.Load == nil || n.config.Limits.Capacity == 0 {
		return
	}
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	last := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		if eighths := n.hub.Entries() * 8 / n.config.Limits.Capacity; eighths != last {
			last = eighths
			n.config.Load(eighths)
		}
	}
}
