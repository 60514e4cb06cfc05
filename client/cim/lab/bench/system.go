package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/cim-go/cim/client/cim/lab/bench/baseline"
	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/routefn/record/redistest"
)

// system is a system that is measured.
type system interface {
	// register makes sure that there are n users.
	register(ctx context.Context, n int) error
	// login returns the seats of the users from the index first to the index end-1. A seat
	// is valid for two minutes.
	login(ctx context.Context, first, end int) ([]loadclients.Seat, error)
	// group returns a group whose members are the first n users. They must have logged
	// in.
	group(ctx context.Context, n int) (int64, error)
	// processes returns the processes whose costs are reported.
	processes() []procstat.Process
	stop()
}

// form is a way to run a system.
type form struct {
	name  string
	of    string // name of the form with which it is compared; empty: none
	plain bool   // the other form is the same system without TLS

	secured up.Hops // the hops that speak TLS
	start   func(context.Context) (system, error)
}

// Names of the forms. All others are compared with limitForm.
const (
	Together    = "together" // node and route in one process, and the store
	Apart       = "apart"    // node, route and store in a process each
	runningForm = "as it runs"
	limitForm   = "limit"
)

// forms returns the forms of a load that needs the given number of nodes. The last one is
// the limit, with which the others are compared, unless the system runs elsewhere.
func (b *bench) forms(nodes int) []form {
	all := b.systems(nodes)
	if b.Elsewhere || len(b.TLS) > 0 {
		return all
	}
	for i := range all {
		all[i].of = limitForm
	}
	limit := func(context.Context) (system, error) { return b.startLimit() }
	return append(all, form{name: limitForm, start: limit})
}

// systems returns the forms without the limit. They are compared with nothing.
func (b *bench) systems(nodes int) []form {
	if len(b.Routes) > 0 {
		start := func(context.Context) (system, error) { return b.running, nil }
		return []form{{name: runningForm, start: start}}
	}
	if nodes > 1 {
		return b.secured(fmt.Sprintf("%d nodes", nodes), up.Config{Nodes: nodes})
	}
	var all []form
	for _, name := range Forms {
		if len(b.Forms) == 0 || slices.Contains(b.Forms, name) {
			all = append(all, b.secured(name, up.Config{Nodes: nodes, WithRoute: name == Together})...)
		}
	}
	return all
}

// allHops is the name of all hops together.
const allHops = "all"

// hops has the hops by their names in Config.TLS.
var hops = map[string]up.Hops{"clients": up.HopClients, "route": up.HopRoute, "redis": up.HopRedis, allHops: up.AllHops}

// secured returns a form, and then the same form with TLS at each of the hops that were
// asked for. The later forms are compared with the first one. All of them have a cluster
// key if one of them speaks TLS.
func (b *bench) secured(name string, c up.Config) []form {
	c.Redis, c.Program, c.CA = b.Redis, b.Program, b.ca
	start := func(plain up.Hops) func(context.Context) (system, error) {
		c := c
		c.Plain = plain
		return func(ctx context.Context) (system, error) { return b.startCluster(ctx, c) }
	}
	all := []form{{name: name, start: start(up.AllHops)}}
	for _, hop := range b.TLS {
		if c.WithRoute && hops[hop] == up.HopRoute {
			continue // node and route are one process
		}
		all = append(all, form{name: name + ", TLS " + hop, of: name, plain: true, secured: hops[hop], start: start(up.AllHops &^ hops[hop])})
	}
	return all
}

// Names of the processes that hold no connections.
const (
	routeProcess = "route"
	redisProcess = "redis-server"
)

// running is a system that runs already.
type running struct {
	*api
	pids []procstat.Process
}

func (r *running) processes() []procstat.Process { return r.pids }
func (r *running) stop()                         { r.client.CloseIdleConnections() }

// cluster is a system that was started for one measurement.
type cluster struct {
	*api
	*up.Cluster
	profiles profiles // nil: none were requested
}

func (b *bench) startCluster(ctx context.Context, c up.Config) (system, error) {
	var served profiles
	var err error
	if b.Profile != "" && c.Nodes == 1 {
		if served, err = serveProfiles(&c); err != nil {
			return nil, err
		}
	}
	wanted := c.Redis
	if c.Redis == "" {
		c.Redis = "spawn"
	}
	started, err := up.Start(ctx, c)
	if errors.Is(err, redistest.ErrNotInstalled) && wanted == "" {
		b.say("there is no redis-server to start: the store is embedded in this very process, so that what has the store in it means little")
		c.Redis = "embedded"
		started, err = up.Start(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	of := b.Config
	if file := started.CAFile(); file != "" {
		if of.HTTP, err = trusting(file); err != nil {
			_ = started.Stop() // the caller gets the error of the file
			return nil, err
		}
	}
	return &cluster{of.newAPI(started.RouteURLs()), started, served}, nil
}

// trusting returns a client of HTTP that trusts the authority in a file.
func trusting(ca string) (*http.Client, error) {
	config, err := tlsfile.Client(ca)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config
	return &http.Client{Transport: transport}, nil
}

func (c *cluster) processes() []procstat.Process {
	var list []procstat.Process
	for _, n := range c.Nodes() {
		name := "node"
		if n.Route != "" {
			name = "node with route"
		}
		list = append(list, procstat.Process{Name: name, PID: n.PID()})
	}
	for _, r := range c.Cluster.Routes() {
		list = append(list, procstat.Process{Name: routeProcess, PID: r.PID()})
	}
	if server := c.Redis(); server != nil {
		list = append(list, procstat.Process{Name: redisProcess, PID: server.PID()})
	}
	return list
}

// stop kills the programs. No measurement needs their orderly end.
func (c *cluster) stop() {
	c.client.CloseIdleConnections()
	for _, n := range c.Nodes() {
		n.Kill()
	}
	for _, r := range c.Cluster.Routes() {
		r.Kill()
	}
	_ = c.Stop() // the programs were killed
}

// bare is the baseline as a system. It needs no tickets, and all users are in its only
// room.
type bare struct{ *baseline.Process }

func (b *bench) startLimit() (system, error) {
	command, err := b.child("limit")
	if err != nil {
		return nil, err
	}
	p, err := baseline.Start(command)
	if err != nil {
		return nil, err
	}
	return bare{p}, nil
}

func (b bare) register(context.Context, int) error { return nil }

func (b bare) login(_ context.Context, first, end int) ([]loadclients.Seat, error) {
	seats := make([]loadclients.Seat, end-first)
	for i := range seats {
		seats[i] = loadclients.Seat{User: int64(first + i + 1), Address: b.Address}
	}
	return seats, nil
}

func (b bare) group(context.Context, int) (int64, error) { return proto.Everyone, nil }

func (b bare) processes() []procstat.Process {
	return []procstat.Process{{Name: limitForm, PID: b.PID}}
}
func (b bare) stop() { b.Stop() }
