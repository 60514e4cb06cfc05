package routeserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/browser"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn"
	"github.com/cim-go/cim/routefn/identity/jwt"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/embedded"
	"github.com/cim-go/cim/routefn/web"
)

// Server is a route with its store and its listeners.
type Server struct {
	log       *slog.Logger
	listeners *Listeners // nil in a function
	clients   net.Listener
	handler   http.Handler                    // for clients; without an internal listener, for all callers
	strict    func(http.Handler) http.Handler // wraps handler, for TLS
	within    net.Listener                    // the internal listener; nil: there is none
	internal  http.Handler
	route     *routefn.Route
	routeKey  *process.KeyFlag
	foreign   *foreign       // nil unless -auth jwt
	nodes     *tlsfile.Trust // authorities of nodes
	store     *record.Store
	embedded  *embedded.Server // the store, if it is in this process, or nil
	limits    limit.Limits
}

// storeTime is how long the store may take to answer at the start.
const storeTime = 5 * time.Second

// Assemble opens the store and makes the handlers. It owns the listeners, and closes them
// if it fails. Call Run on the Server to serve. When Run returns, it has closed the
// listeners and the store.
func Assemble(f *Flags, listeners *Listeners, members Members, keys *ring.Keys, logger *slog.Logger, registry *prometheus.Registry) (*Server, error) {
	if err := f.check(); err != nil {
		return nil, errors.Join(err, listeners.Close())
	}
	at := listeners.clients.Addr().String()
	f.TellOpen(logger, at)
	f.strangers, f.local = f.Guard.Most(at), process.Loopback(at)
	pages, within, err := f.guards(listeners)
	if err != nil {
		return nil, errors.Join(err, listeners.Close())
	}
	host, _ := os.Hostname() // only for people to read
	f.name = host + " " + at
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	s, err := assemble(ctx, f, pages, members, keys, logger, registry)
	if err != nil {
		return nil, errors.Join(err, listeners.Close())
	}
	s.listeners = listeners
	s.clients, s.strict = f.TLS.ListenClients(f.Guard.Listen(listeners.clients)), f.TLS.Strict
	if listeners.internal != nil {
		s.within = f.TLS.ListenInternal(listeners.internal)
	}
	s.internal = within.Handler(s.internal)
	process.CountForeign(registry, "cim_route_foreign_total", pages, within)
	registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "cim_route_connections_crowded_total",
		Help: "Connections closed because their address had too many without a token.",
	}, func() float64 { return float64(f.Guard.Crowded()) }))
	return s, nil
}

// assemble opens the store and makes the handlers. The guard in the parameter pages judges
// the requests of clients. The Server that it returns has no listener.
func assemble(ctx context.Context, f *Flags, pages *browser.Guard, members Members, keys *ring.Keys, logger *slog.Logger, registry *prometheus.Registry) (*Server, error) {
	limits, err := f.limits()
	if err != nil {
		return nil, err
	}
	s := &Server{log: logger, limits: limits}
	if err := s.openStore(ctx, f, registry); err != nil {
		s.close()
		return nil, err
	}
	if err := s.makeRoute(ctx, f, members, keys, registry); err != nil {
		s.close()
		return nil, err
	}
	if err := s.makeHandler(f, registry); err != nil {
		s.close()
		return nil, err
	}
	s.handler = pages.Handler(s.handler)
	return s, nil
}

// AwaitStore blocks until the store answers and may be used, or until ctx ends. Meanwhile
// it answers health checks on all these listeners. It leaves the listeners open. With
// -fail-fast, AwaitStore does not wait. If the store answers but cannot be used, it
// returns an error.
func (f *Flags) AwaitStore(ctx context.Context, log *slog.Logger, listeners *Listeners, more ...net.Listener) error {
	if err := f.check(); err != nil {
		return err
	}
	if f.FailFast || f.Redis == "embedded" {
		return nil
	}
	c, err := f.storeConfig(f.Redis)
	if err != nil {
		return err
	}
	return process.Await(ctx, log, "the store", append(listeners.all(&f.TLS), more...), func(ctx context.Context) (again bool, err error) {
		ctx, cancel := context.WithTimeout(ctx, storeTime)
		defer cancel()
		store, err := record.Dial(ctx, c)
		if err != nil {
			return errors.Is(err, record.ErrUnavailable) && !errors.Is(err, record.ErrUnfit), fmt.Errorf("-redis: %w", err)
		}
		return false, store.Close()
	})
}

// StoreConfig returns the configuration of the store that the flags of RegisterStore
// name. It refuses -redis embedded, which would start an empty store in this process.
func (f *Flags) StoreConfig() (record.Config, error) {
	if f.Redis == "embedded" {
		return record.Config{}, fmt.Errorf("%w: -redis embedded: want the URL of a store that runs already", process.ErrUsage)
	}
	if err := f.checkKept(); err != nil {
		return record.Config{}, err
	}
	return f.storeConfig(f.Redis)
}

// storeConfig returns the configuration of the store at url.
func (f *Flags) storeConfig(url string) (record.Config, error) {
	replicas, err := f.replicas()
	if err != nil {
		return record.Config{}, err
	}
	password, err := process.Secret("redis-password", f.Pass)
	if err != nil {
		return record.Config{}, err
	}
	c := record.Config{
		URL:           url,
		Password:      string(password),
		Replicas:      replicas,
		Devices:       f.Devices,
		IDs:           f.ids(),
		Retention:     record.Retention{Count: f.Count, Age: int64(f.Days) * (24 * time.Hour).Milliseconds()},
		AllowEmbedded: f.Embedded,
		Now:           process.Clock(),
	}
	f.adaptStore(&c)
	return c, nil
}

func (s *Server) openStore(ctx context.Context, f *Flags, registry *prometheus.Registry) error {
	url := f.Redis
	if url == "embedded" {
		server, err := embedded.StartLocked("127.0.0.1:0", rand.Text())
		if err != nil {
			return err
		}
		s.embedded = server
		url = server.URL()
	}
	c, err := f.storeConfig(url)
	if err != nil {
		return err
	}
	if c.Rules, err = f.rules(); err != nil {
		return err
	}
	c.AllowEmbedded = c.AllowEmbedded || s.embedded != nil
	c.Limits, c.Logger, c.Registerer = s.limits, s.log, registry
	store, err := record.Dial(ctx, c)
	if err != nil {
		return fmt.Errorf("-redis: %w", err)
	}
	s.store = store
	return nil
}

func (s *Server) makeRoute(ctx context.Context, f *Flags, members Members, keys *ring.Keys, registry *prometheus.Registry) error {
	issuer, watch, err := s.issuer(ctx, f, keys)
	if err != nil {
		return err
	}
	auth, err := f.auth()
	if err != nil {
		return err
	}
	policy, err := ring.ParsePolicy(f.Policy)
	if err != nil {
		return err
	}
	if s.nodes, err = f.nodeTrust(s.log); err != nil {
		return err
	}
	var verifier *jwt.Verifier
	if auth == routefn.AuthJWT {
		if s.foreign, err = f.foreign.make(s.store, s.log, registry); err != nil {
			return err
		}
		verifier = s.foreign.verifier
	}
	f.Certs.Tell(s.log)
	show, accept := keys.ServiceTokens()
	s.route, err = routefn.New(routefn.Config{
		Store: s.store, Members: members.View, Heard: members.Heard, Keys: keys, Issuer: issuer, Watch: watch, Name: f.name, ServiceToken: show, OtherTokens: accept,
		Certs: f.certs, AcceptToken: f.Certs.AcceptToken, Roster: f.roster,
		Auth: auth, Foreign: verifier, Policy: policy, Repeat: f.Repeat, MaxText: f.Text,
		PerAddress: f.strangers, Proxies: f.Guard.Proxies, Limits: s.limits,
		MaxInFlight: f.InFlight, StoreTarget: f.StoreTarget, PlainHop: f.PlainHop, NodeTLS: s.nodes,
		Now: process.Clock(), Logger: s.log, Registerer: registry, Audit: f.AuditLog,
	})
	return err
}

// makeHandler mounts the configured handlers. A function serves no metrics, because the
// numbers of one instance are useless, and anybody could read them.
func (s *Server) makeHandler(f *Flags, registry *prometheus.Registry) error {
	metrics := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	apart := f.InternalAt() != "" && !f.function
	if apart {
		mux := http.NewServeMux()
		mux.Handle("GET "+proto.PathMetrics, metrics)
		if f.Profiles != nil {
			mux.Handle("GET "+proto.PathProfiles, f.Profiles)
		}
		mux.Handle("/", s.route.Internal())
		s.internal = mux
	}
	if f.Only != nil {
		only, err := s.route.Only(f.Only...)
		if err != nil {
			return fmt.Errorf("%w: -only: %w", process.ErrUsage, err)
		}
		s.handler = only
		return nil
	}
	mux := http.NewServeMux()
	for _, pattern := range web.Patterns {
		mux.Handle(pattern, web.Handler())
	}
	switch {
	case apart:
		mux.Handle("/", s.route.ForClients())
	case f.function:
		mux.Handle("/", s.route.Handler())
	default:
		mux.Handle("GET "+proto.PathMetrics, metrics)
		mux.Handle("/", s.route.Handler())
	}
	s.handler = mux
	return nil
}

// Addr returns the address that the route listens on.
func (s *Server) Addr() string { return s.clients.Addr().String() }

// Run serves until ctx ends, then closes everything. It blocks until that is done.
func (s *Server) Run(ctx context.Context) error {
	defer s.close()
	s.log.Info("route starts", "http", s.Addr(), "limits", s.limits.String())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return process.Serve(ctx, s.clients, s.strict(s.handler)) })
	if s.within != nil {
		s.log.Info("route has an internal listener", "http", s.within.Addr().String())
		group.Go(func() error { return process.Serve(ctx, s.within, s.internal) })
	}
	group.Go(func() error {
		s.foreign.warm(ctx)
		return nil
	})
	return group.Wait()
}

func (s *Server) close() {
	if s.route != nil {
		s.route.Close()
	}
	if s.listeners != nil {
		_ = s.listeners.Close()
	}
	if s.store != nil {
		s.store.Close()
	}
	if s.embedded != nil {
		s.embedded.Close()
	}
}

// ReadAgain reads the route keys and the keys of JWTs that f names once more, and uses
// them from now on. It also reads the files of authorities and the files that the store's
// URL names. If reading fails, the error names the flag, and the flag's earlier values
// stay in use. ReadAgain must not be called concurrently.
func (s *Server) ReadAgain(f *Flags) error {
	errs := errors.Join(s.routeKey.Again(f.Key), s.foreign.again(f.foreign.key, s.log))
	if err := s.nodes.Reload(); err != nil {
		errs = errors.Join(errs, fmt.Errorf("read -node-tls-ca: %w", err))
	}
	if err := s.store.ReadFiles(); err != nil {
		errs = errors.Join(errs, fmt.Errorf("-redis: %w", err))
	}
	return errs
}

// Route returns the route, for a node in the same process. It is closed by Run.
func (s *Server) Route() *routefn.Route { return s.route }
