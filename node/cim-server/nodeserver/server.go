package nodeserver

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/cim-go/cim/node"
	"github.com/cim-go/cim/node/cim"
	"github.com/cim-go/cim/node/routes"
	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/ring/gossip"
	"github.com/cim-go/cim/ring/mirror"
	"github.com/cim-go/cim/ring/seed"
	"github.com/cim-go/cim/routefn/cim-route/routeserver"
)

// Run runs a node until ctx ends or an operator drains it. Then Run moves the users to
// other nodes, and closes the connections that are left. Run blocks. An error that wraps
// process.ErrUsage means that the flags are wrong.
func Run(ctx context.Context, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("cim-server", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var f flags
	f.register(fs)
	if err := process.Parse(fs, args); err != nil {
		return err
	}
	set := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { set[f.Name] = true })
	if err := f.check(set); err != nil {
		return err
	}
	logger, err := f.log.Logger(stderr)
	if err != nil {
		return err
	}
	hangup := process.OnHangup(logger, func() (*flags, error) {
		var again flags
		fs := flag.NewFlagSet("cim-server", flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		again.register(fs)
		return &again, process.Parse(fs, args)
	})
	defer hangup.Stop()
	hangup.Add(func(again *flags) error { return f.log.SetLevel(again.log.Level) })
	if f.route.AuditLog, err = f.route.Audit.Open(stderr, f.exposed()...); err != nil {
		return err
	}
	defer f.route.Audit.Close()
	hangup.Add(func(*flags) error { return f.route.Audit.Reopen() })

	s, err := assemble(ctx, &f, set, logger)
	if err != nil {
		return err
	}
	hangup.Add(func(*flags) error { return f.tls.Reload() })
	hangup.Add(func(*flags) error { return s.readTrust() })
	return s.run(ctx, hangup)
}

// server is everything that one cim-server consists of.
type server struct {
	// Set by assemble.
	flags    *flags
	log      *slog.Logger
	registry *prometheus.Registry
	secret   *process.KeyFlag // the cluster keys as they are given; none: loopback only
	keys     *ring.Keys       // the same keys, shared by all parts that use them
	certs    *cert.Keyring    // proves this node, and checks others; nil: there are no certificates
	table    *ring.Table
	verifier *token.Verifier
	routeTLS *tlsfile.Trust // the certificate authorities that calls to routes trust
	gossip   *gossip.Gossip
	mirror   *mirror.Publisher // nil without ZooKeeper
	mirrored *mirror.Follower  // nil without ZooKeeper
	node     *node.Node
	route    *routeserver.Server // nil unless -with-route

	routes    *routes.Client // nil if route is not
	cimRoutes *cim.Routes    // nil without -cim-route-url

	keysMissing atomic.Pointer[error] // why the latest call to the routes returned no keys
}

// assemble opens the listeners and wires the parts, each after the parts that it needs.
// It starts nothing.
func assemble(ctx context.Context, f *flags, set map[string]bool, logger *slog.Logger) (*server, error) {
	secrets, err := process.Keys("cluster-key", f.clusterKey)
	if err != nil {
		return nil, err
	}
	routeTLS, err := f.loadTLS(logger)
	if err != nil {
		return nil, err
	}
	certs, err := f.loadCerts()
	if err != nil {
		return nil, err
	}
	f.certs.Tell(logger)
	s := &server{flags: f, certs: certs, log: logger, registry: prometheus.NewRegistry(), table: ring.NewTable(), routeTLS: routeTLS}
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.keys = ring.NewKeys(secrets...)
	s.secret = &process.KeyFlag{Name: "cluster-key", Now: secrets, Use: s.useKeys, Log: logger, Audit: f.route.AuditLog}
	s.verifier = token.NewVerifier()

	// Without a key, all nodes run on one machine. So a node takes a free port if the
	// default one is in use.
	roam := func(name string) bool { return len(secrets) == 0 && !set[name] }
	clients, err := process.Listen("listen", f.listen, roam("listen"))
	if err != nil {
		return nil, err
	}
	f.route.TellOpen(logger, clients.Addr().String())
	internal, err := process.Listen("http", f.http, roam("http"))
	if err != nil {
		return nil, err
	}
	internal = f.tls.ListenInternal(internal)
	gossipAt, err := process.Usable("gossip", f.gossip, roam("gossip"))
	if err != nil {
		return nil, err
	}
	self, err := s.member(clients, internal)
	if err != nil {
		return nil, err
	}
	if err := s.assembleGossip(self, gossipAt); err != nil {
		return nil, err
	}
	if err := s.assembleRoute(ctx, internal); err != nil {
		return nil, err
	}
	if err := s.assembleNode(self, clients, internal); err != nil {
		return nil, err
	}
	return s, nil
}

// member returns this node as the other members know it.
func (s *server) member(clients, internal net.Listener) (ring.Member, error) {
	f := s.flags
	http, err := reachable("http", internal, f.advertise)
	if err != nil {
		return ring.Member{}, err
	}
	if f.tls.InternalCert != "" {
		http = "https://" + http
	}
	at := f.clientAt
	if at == "" {
		if at, err = reachable("listen", clients, f.advertise); err != nil {
			return ring.Member{}, err
		}
	}
	if f.id == "" {
		if f.id, err = defaultID(process.Port(clients.Addr())); err != nil {
			return ring.Member{}, err
		}
	}
	return ring.Member{
		ID: f.id, Boot: rand.Uint64(), Client: at, TLS: f.tls.Cert != "", HTTP: http,
		Zone: f.zone, Weight: f.weight, State: ring.Joining,
	}, nil
}

func (s *server) assembleGossip(self ring.Member, at string) error {
	f := s.flags
	c := gossip.Config{
		Self: self, Keys: s.keys, Cluster: f.cluster, Table: s.table,
		Bind: at, Advertise: f.advertise, Seeds: f.join, Bootstrap: f.bootstrap, Expect: f.expect,
		Logger: s.log, Registerer: s.registry,
	}
	if s.certs != nil && !f.certs.AcceptToken { // otherwise nodes of the previous release would not see this one
		c.Sign = func(m ring.Member) string { return string(s.certs.SignRecord(m.Identity())) }
		c.SignEvery = cert.RecordLife / 3
	}
	if f.data != "" {
		c.Remember = filepath.Join(f.data, "members.json")
	}
	if f.zk != "" {
		auth, err := process.Secret("zk-auth", f.zkAuth)
		if err != nil {
			return err
		}
		zk := mirror.Config{
			Servers: strings.Split(f.zk, ","), Root: f.zkRoot, Auth: string(auth), Keys: s.keys, Logger: s.log, Registerer: s.registry,
		}
		if err := s.assembleMirror(zk); err != nil {
			return err
		}
		c.More = s.mirrored.Gossips
	}
	g, err := gossip.New(c)
	if err != nil {
		return fmt.Errorf("gossip: %w", err)
	}
	s.gossip = g
	return nil
}

// assembleMirror makes the publisher, which writes this node into ZooKeeper, and the
// follower, which reads other nodes from there as seeds of gossip. Only gossip decides
// which nodes are members.
func (s *server) assembleMirror(c mirror.Config) (err error) {
	c.Takes = s.takesCIM
	s.mirror, err = mirror.NewPublisher(c, func() ring.Member { return s.gossip.Self() }, s.table)
	if err != nil {
		return err
	}
	s.mirrored, err = mirror.NewFollower(c, ring.NewTable())
	return err
}

// assembleRoute makes the route of this process. It blocks until the store answers.
// Meanwhile it answers health checks at the listener internal.
func (s *server) assembleRoute(ctx context.Context, internal net.Listener) error {
	f := s.flags
	if !f.withRoute {
		return nil
	}
	f.route.TLS = f.tls
	listeners, err := f.route.Listen("route-listen", f.routeAt)
	if err != nil {
		return err
	}
	if err := f.route.AwaitStore(ctx, s.log, listeners, internal); err != nil {
		return errors.Join(err, listeners.Close())
	}
	members := func(context.Context) (*ring.View, error) { return s.table.Current(), nil }
	r, err := routeserver.Assemble(&f.route, listeners, routeserver.Members{View: members}, s.keys, s.log, s.registry)
	if err != nil {
		return err
	}
	s.route = r
	return nil
}

func (s *server) assembleNode(self ring.Member, clients, internal net.Listener) error {
	f := s.flags
	sessions, messages, err := s.wayToRoutes()
	if err != nil {
		return err
	}
	forClients, forInternal, err := s.pages(self, clients, internal)
	if err != nil {
		return err
	}
	var offline func(context.Context, int64, string) error
	if len(f.cimRoutes) > 0 {
		if s.cimRoutes, err = cim.NewRoutes(f.cimRoutes...); err != nil {
			return err
		}
		offline = s.cimRoutes.Offline
	}
	profiles, err := f.profile.Internal("http", true, len(s.secret.Now) > 0)
	if err != nil {
		return err
	}
	show, accept := s.keys.ServiceTokens()
	s.node, err = node.New(node.Config{
		ID: self.ID, Boot: self.Boot, Address: self.HTTP, Clients: clients, Internal: internal, InternalPages: forInternal,
		Sessions: sessions, Messages: messages, Verifier: s.verifier, ServiceToken: show, OtherTokens: accept, Gate: s.gate(self.HTTP),
		Port: node.Port{
			Engine: f.engine, TLS: s.clientTLS(), TLSOnly: f.tls.Only, Pages: forClients,
			PerAddress: f.route.Guard.Most(clients.Addr().String()), Proxies: f.route.Guard.Proxies,
		},
		Limits:  node.Limits{Capacity: f.capacity},
		Drain:   node.Drain{Rate: f.drainRate, Timeout: f.drainTime, Elsewhere: s.elsewhere},
		CIM:     node.CIM{Open: f.route.Auth == "open", Offline: offline, Pushers: s.pushers()},
		Load:    s.gossip.SetLoad,
		Ready:   s.readyNow,
		Members: seed.Handler(s.table, s.keys, s.gossip.Ready),
		Metrics: promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}), Profiles: profiles,
		Now: process.Clock(), Logger: s.log, Registerer: s.registry, Audit: f.route.AuditLog,
	})
	if err == nil && s.route != nil {
		s.route.Route().Near(self.HTTP, s.node.Push)
	}
	return err
}

// wayToRoutes returns how the node calls routes: by function calls if a route is in
// this process, otherwise by a routes.Client.
func (s *server) wayToRoutes() (routes.Sessions, routes.Messages, error) {
	if s.route != nil {
		direct := s.route.Route().Direct()
		return direct, direct, nil
	}
	show, _ := s.keys.ServiceTokens()
	client, err := routes.NewClient(routes.Config{
		URLs: s.flags.routes, ServiceToken: show, PlainHop: s.flags.route.PlainHop, TLS: s.routeTLS,
		Keys: s.certs, ShowToken: s.flags.certs.AcceptToken,
	})
	s.routes = client
	return client, client, err
}

// useKeys changes the cluster keys. It must be called after gossip listens.
func (s *server) useKeys(keys ...[]byte) error {
	if err := s.gossip.Rotate(keys...); err != nil { // Rotate also sets s.keys
		return err
	}
	show, accept := s.keys.ServiceTokens()
	s.node.SetServiceTokens(show, accept...)
	if s.route != nil {
		s.route.Route().SetServiceTokens(show, accept...)
	} else {
		s.routes.SetServiceToken(show)
	}
	return nil
}

// readAgain waits until gossip listens. From then on, a SIGHUP (hangup) changes the
// keys, also those of a route in this process.
func (s *server) readAgain(ctx context.Context, hangup *process.Hangup[*flags]) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.gossip.Listening():
	}
	hangup.Add(func(again *flags) error { return s.secret.Again(again.clusterKey) })
	hangup.Add(func(again *flags) error {
		return errors.Join(s.flags.certs.Again(&again.certs), s.flags.route.Certs.Again(&again.route.Certs))
	})
	if s.route != nil {
		hangup.Add(func(again *flags) error { return s.route.ReadAgain(&again.route) })
	}
	return nil
}

// run starts the parts and blocks until all have ended. When ctx ends, the node drains
// first. Gossip, ZooKeeper and the route run until the drain is over.
func (s *server) run(ctx context.Context, hangup *process.Hangup[*flags]) error {
	group, failed := errgroup.WithContext(context.WithoutCancel(ctx))
	parts, stopParts := context.WithCancel(failed)
	defer stopParts()
	if s.route != nil {
		group.Go(func() error { return s.route.Run(parts) })
	}
	group.Go(func() error { return s.gossip.Run(parts) })
	group.Go(func() error { return s.readAgain(parts, hangup) })
	group.Go(func() error { return s.fetchFirstKeys(parts) })
	group.Go(func() error { return s.keepState(parts) })
	group.Go(func() error {
		return process.AwaitReady(parts, s.log, "others", s.flags.route.FailFast, func(context.Context) error { return s.ready() })
	})
	group.Go(func() error { return s.flags.profile.Run(parts, s.log) })
	group.Go(func() error { return s.watchOthers(parts) })
	group.Go(func() error { return s.watchRoutes(parts) })
	if s.mirror != nil {
		group.Go(func() error { return s.mirror.Run(parts) })
		group.Go(func() error { return s.mirrored.Run(parts) })
	}
	group.Go(func() error {
		defer stopParts()
		defer context.AfterFunc(ctx, s.node.Drain)()
		return s.node.Run(failed)
	})
	self := s.gossip.Self()
	s.log.Info("node starts", "node", self.ID, "clients", self.Client, "http", self.HTTP)
	err := group.Wait()
	if s.routes != nil {
		s.routes.Close()
	}
	if s.cimRoutes != nil {
		s.cimRoutes.Close()
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
