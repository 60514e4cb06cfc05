package program

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn"
	"github.com/cim-go/cim/routefn/cim-route/config"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/embedded"
	"github.com/cim-go/cim/routefn/web"
)

// Server is a route with its store and its listener.
type Server struct {
	log      *slog.Logger
	listener net.Listener
	handler  http.Handler
	route    *routefn.Route
	routeKey *config.KeyFlag
	store    *record.Store
	embedded *embedded.Server // nil unless the store is in this process
}

// storeTime bounds how long the store may take to answer at the start.
const storeTime = 5 * time.Second

// Assemble opens the store and makes the handlers. It takes the listener over. Run
// must be called on the Server to serve and to close both.
func Assemble(f *Flags, listener net.Listener, view View, keys *ring.Keys, logger *slog.Logger, registry *prometheus.Registry) (*Server, error) {
	if err := f.check(); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	host, _ := os.Hostname() // only for people to read
	f.name = host + " " + listener.Addr().String()
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	s, err := assemble(ctx, f, view, keys, logger, registry)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s.listener = listener
	return s, nil
}

// assemble opens the store and makes the handlers: a Server without a listener.
func assemble(ctx context.Context, f *Flags, view View, keys *ring.Keys, logger *slog.Logger, registry *prometheus.Registry) (*Server, error) {
	s := &Server{log: logger}
	if err := s.openStore(ctx, f, registry); err != nil {
		s.close()
		return nil, err
	}
	if err := s.makeRoute(ctx, f, view, keys, registry); err != nil {
		s.close()
		return nil, err
	}
	if err := s.makeHandler(f, registry); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// AwaitStore blocks until the store answers and may be used, or ctx ends. Meanwhile
// health checks on the listeners are answered, which are not closed. It returns at
// once with -fail-fast, and with an error if the store answers and is not fit.
func (f *Flags) AwaitStore(ctx context.Context, log *slog.Logger, listeners ...net.Listener) error {
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
	return config.Await(ctx, log, "the store", listeners, func(ctx context.Context) (again bool, err error) {
		ctx, cancel := context.WithTimeout(ctx, storeTime)
		defer cancel()
		store, err := record.Dial(ctx, c)
		if err != nil {
			return errors.Is(err, record.ErrUnavailable) && !errors.Is(err, record.ErrUnfit), fmt.Errorf("-redis: %w", err)
		}
		return false, store.Close()
	})
}

// storeConfig says how to reach the store at url.
func (f *Flags) storeConfig(url string) (record.Config, error) {
	replicas, err := f.replicas()
	if err != nil {
		return record.Config{}, err
	}
	password, err := config.Secret("redis-password", f.Pass)
	if err != nil {
		return record.Config{}, err
	}
	c := record.Config{
		URL:           url,
		Password:      string(password),
		Replicas:      replicas,
		Devices:       f.Devices,
		Retention:     record.Retention{Count: f.Count, Age: int64(f.Days) * (24 * time.Hour).Milliseconds()},
		AllowEmbedded: f.Embedded,
		Now:           config.Clock(),
	}
	f.adaptStore(&c)
	return c, nil
}

func (s *Server) openStore(ctx context.Context, f *Flags, registry *prometheus.Registry) error {
	url := f.Redis
	if url == "embedded" {
		server, err := embedded.Start("127.0.0.1:0")
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
	c.AllowEmbedded = c.AllowEmbedded || s.embedded != nil
	c.Logger, c.Registerer = s.log, registry
	store, err := record.Dial(ctx, c)
	if err != nil {
		return fmt.Errorf("-redis: %w", err)
	}
	s.store = store
	return nil
}

func (s *Server) makeRoute(ctx context.Context, f *Flags, view View, keys *ring.Keys, registry *prometheus.Registry) error {
	issuer, watch, err := s.issuer(ctx, f.Key)
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
	show, accept := config.ServiceTokens(keys)
	s.route, err = routefn.New(routefn.Config{
		Store: s.store, Members: view, Keys: keys, Issuer: issuer, Watch: watch, Name: f.name, ServiceToken: show, OtherTokens: accept,
		Auth: auth, Policy: policy, Repeat: f.Repeat, MaxText: f.Text,
		MaxInFlight: f.InFlight, StoreTarget: f.StoreTarget, PlainHop: f.PlainHop, Busy: f.Busy,
		Now: config.Clock(), Logger: s.log, Registerer: registry,
	})
	return err
}

// makeHandler mounts what is asked for. A function has no metrics of its own: one
// instance's figures say nothing, and everybody could read them.
func (s *Server) makeHandler(f *Flags, registry *prometheus.Registry) error {
	if f.Only != nil {
		only, err := s.route.Only(f.Only...)
		if err != nil {
			return fmt.Errorf("%w: -only: %w", config.ErrUsage, err)
		}
		s.handler = only
		return nil
	}
	mux := http.NewServeMux()
	if !f.function {
		mux.Handle("GET "+proto.PathMetrics, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	}
	for _, pattern := range web.Patterns {
		mux.Handle(pattern, web.Handler())
	}
	mux.Handle("/", s.route.Handler())
	s.handler = mux
	return nil
}

// issuer takes the route keys it is given, or those that routes left in the store: then
// all routes agree without being told, and the Watch keeps it so.
func (s *Server) issuer(ctx context.Context, value string) (*token.Issuer, *record.Watch, error) {
	keys, err := config.Keys("route-key", value)
	if err != nil {
		return nil, nil, err
	}
	s.routeKey = &config.KeyFlag{Name: "route-key", Now: keys, Log: s.log}
	if len(keys) > 0 {
		issuer, err := token.NewIssuer(keys...)
		s.routeKey.Use = issuer.Set
		return issuer, nil, err
	}
	watch := s.store.Watch(true)
	if _, err := watch.Look(ctx); err != nil {
		return nil, nil, fmt.Errorf("read route key: %w", err)
	}
	issuer, err := token.NewIssuer(watch.RouteKeys()...)
	return issuer, watch, err
}

// Addr returns the address that the route listens on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run serves until ctx ends, then closes everything. It blocks.
func (s *Server) Run(ctx context.Context) error {
	defer s.close()
	s.log.Info("route starts", "http", s.Addr())
	return config.Serve(ctx, s.listener, s.handler)
}

func (s *Server) close() {
	if s.route != nil {
		s.route.Close()
	}
	if s.listener != nil {
		s.listener.Close()
	}
	if s.store != nil {
		s.store.Close()
	}
	if s.embedded != nil {
		s.embedded.Close()
	}
}

// ReadAgain takes over what f says now and may change under way: the route keys. Errors
// name the flag, and leave what is in use. It must not be called twice at a time.
func (s *Server) ReadAgain(f *Flags) error { return s.routeKey.Again(f.Key) }

// Route returns the route, for a node in the same process. It is closed by Run.
func (s *Server) Route() *routefn.Route { return s.route }
