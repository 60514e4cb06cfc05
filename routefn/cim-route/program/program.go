package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/ring/mirror"
	"github.com/cim-go/cim/ring/seed"
	"github.com/cim-go/cim/routefn/cim-route/config"
)

// options are all that cim-route is told.
type options struct {
	Flags
	listen   string // empty: the place says
	function bool
	members  source
	stale    time.Duration // how old answers of seeds may be
	zkRoot   string
	key      string
	profile  config.Profile // of a server; a function has nothing that runs beside requests
	log      *slog.Logger
	logging  config.Log // what log was made of
}

// defaultListen is where a route listens when neither a flag nor a platform says.
const defaultListen = "127.0.0.1:8083"

func parse(args []string, stderr io.Writer) (*options, error) {
	fs := flag.NewFlagSet("cim-route", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var (
		o       options
		members string
		only    string
	)
	o.Register(fs)
	o.logging.Flags(fs)
	o.profile.Flags(fs)
	fs.StringVar(&o.listen, "listen", "", "`address` for clients and nodes; by default what a platform of functions asks for\n(FUNCTIONS_CUSTOMHANDLER_PORT, FC_SERVER_PORT, PORT), and else "+defaultListen)
	fs.BoolVar(&o.function, "function", false, "run as a function: made at the first request, frozen between requests, bounded by its platform;\nwhere AWS_LAMBDA_RUNTIME_API or a variable of -listen is used it does so by itself")
	fs.StringVar(&only, "only", "", "serve these `handlers` alone, with commas, such as login,send (and the health checks)")
	fs.StringVar(&members, "ring", "seed:127.0.0.1:8081",
		"where the members are learnt: seed:HOST:PORT[,...], the internal HTTP of any nodes,\nor zk:HOST:PORT[,...], not for functions")
	fs.DurationVar(&o.stale, "ring-stale", time.Minute, "`age` up to which the members that a seed told are used when no node answers")
	fs.StringVar(&o.zkRoot, "zk-root", mirror.DefaultRoot, "`path` in ZooKeeper under which nodes stand")
	fs.StringVar(&o.key, "cluster-key", "", "`secret` of all nodes and routes (or file:PATH or secretsmanager:ARN), while it is changed the old\nand the new one, one a line; without it a route serves this machine only")
	err := config.Parse(fs, args)
	if err != nil {
		return nil, err
	}
	if o.log, err = o.logging.Logger(stderr); err != nil {
		return nil, err
	}
	if o.members, err = parseSource(members); err != nil {
		return nil, err
	}
	if o.stale <= 0 {
		return nil, fmt.Errorf("%w: -ring-stale %v: want more than nothing", config.ErrUsage, o.stale)
	}
	if only != "" {
		o.Only = strings.Split(only, ",")
	}
	return &o, o.check()
}

// Run runs a route until ctx ends, then lets the requests in flight finish. It
// blocks. An error that wraps config.ErrUsage means that the flags are wrong.
func Run(ctx context.Context, args []string, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	switch at := placeOf(o.listen, o.function, os.Getenv); {
	case at.lambda:
		return o.serveLambda(ctx)
	case at.function:
		return o.serveFunction(ctx, at.listen)
	default:
		hangup := config.OnHangup(o.log, func() (*options, error) { return parse(args, io.Discard) })
		defer hangup.Stop()
		hangup.Add(func(again *options) error { return o.logging.SetLevel(again.logging.Level) })
		return o.serve(ctx, at.listen, hangup)
	}
}

// serve is what a server does: it starts only if it has all it needs, and then
// follows the members. From its start on hangup has it read its keys again.
func (o *options) serve(ctx context.Context, listen string, hangup *config.Hangup[*options]) error {
	keys, err := config.Keys("cluster-key", o.key)
	if err != nil {
		return err
	}
	if len(keys) == 0 && !config.Loopback(listen) {
		return fmt.Errorf("%w: -listen %s is reachable from other machines: that needs -cluster-key", config.ErrUsage, listen)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	cluster := ring.NewKeys(keys...)
	view, follow, err := o.follow(cluster, registry)
	if err != nil {
		return err
	}
	procs := new(config.Procs)
	o.Busy = procs.Busy
	listener, err := config.Listen("listen", listen, false)
	if err != nil {
		return err
	}
	if err := o.AwaitStore(ctx, o.log, listener); err != nil {
		return errors.Join(err, listener.Close())
	}
	server, err := Assemble(&o.Flags, listener, view, cluster, o.log, registry)
	if err != nil {
		return err
	}
	clusterKey := config.KeyFlag{Name: "cluster-key", Now: keys, Log: o.log, Use: func(keys ...[]byte) error {
		cluster.Set(keys...)
		show, accept := config.ServiceTokens(cluster)
		server.Route().SetServiceTokens(show, accept...)
		return nil
	}}
	hangup.Add(func(again *options) error { return clusterKey.Again(again.key) })
	hangup.Add(func(again *options) error { return server.ReadAgain(&again.Flags) })
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return follow(ctx) })
	group.Go(func() error { return config.PaceGC(ctx) })
	group.Go(func() error { return procs.Run(ctx) })
	group.Go(func() error { return o.profile.Run(ctx, o.log) })
	group.Go(func() error { return server.Run(ctx) })
	group.Go(func() error {
		return config.AwaitReady(ctx, o.log, "the members", o.FailFast, func(ctx context.Context) error {
			_, err := view(ctx)
			return err
		})
	})
	return group.Wait()
}

// View tells the current members.
type View = func(context.Context) (*ring.View, error)

// follow returns where the members are read from, and what must run meanwhile.
func (o *options) follow(keys *ring.Keys, registry prometheus.Registerer) (View, func(context.Context) error, error) {
	if o.members.kind == "seed" {
		view, err := o.followSeeds(keys, registry)
		return view, func(context.Context) error { return nil }, err
	}
	table := ring.NewTable()
	follower, err := mirror.NewFollower(mirror.Config{Servers: o.members.addrs, Root: o.zkRoot, Keys: keys, Logger: o.log, Registerer: registry}, table)
	if err != nil {
		return nil, nil, err
	}
	return follower.View, follower.Run, nil
}

// followSeeds asks a node when a request needs to know.
func (o *options) followSeeds(keys *ring.Keys, registry prometheus.Registerer) (View, error) {
	client, err := seed.New(seed.Config{Seeds: o.members.addrs, Keys: keys, MaxStale: o.stale, Logger: o.log, Registerer: registry, Client: http.DefaultClient})
	if err != nil {
		return nil, err
	}
	return client.View, nil
}
