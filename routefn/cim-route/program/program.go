package program

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/ring/mirror"
	"github.com/cim-go/cim/ring/seed"
	"github.com/cim-go/cim/routefn/cim-route/config"
)

// Run runs a route until ctx ends, then lets the requests in flight finish. It
// blocks. An error that wraps config.ErrUsage means that the flags are wrong.
func Run(ctx context.Context, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("cim-route", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var (
		f       Flags
		log     config.Log
		profile config.Profile
	)
	f.Register(fs)
	log.Flags(fs)
	profile.Flags(fs)
	listen := fs.String("listen", "127.0.0.1:8083", "`address` for clients and nodes")
	members := fs.String("ring", "seed:127.0.0.1:8081",
		"where the members are learnt: seed:HOST:PORT[,...], the internal HTTP of any nodes,\nor zk:HOST:PORT[,...]")
	zkRoot := fs.String("zk-root", mirror.DefaultRoot, "`path` in ZooKeeper under which nodes stand")
	key := fs.String("cluster-key", "", "`secret` of all nodes and routes (or file:PATH);\nwithout it a route serves this machine only")
	if err := config.Parse(fs, args); err != nil {
		return err
	}
	logger, err := log.Logger(stderr)
	if err != nil {
		return err
	}
	secret, err := config.Secret("cluster-key", *key)
	if err != nil {
		return err
	}
	if len(secret) == 0 && !config.Loopback(*listen) {
		return fmt.Errorf("%w: -listen %s is reachable from other machines: that needs -cluster-key", config.ErrUsage, *listen)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	view, follow, err := follow(*members, *zkRoot, ring.NewKeys(secret), logger, registry)
	if err != nil {
		return err
	}
	server, err := Assemble(&f, *listen, view, secret, logger, registry)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return follow(ctx) })
	group.Go(func() error { return config.PaceGC(ctx) })
	group.Go(func() error { return profile.Run(ctx, logger) })
	group.Go(func() error { return server.Run(ctx) })
	return group.Wait()
}

// View tells the current members.
type View = func(context.Context) (*ring.View, error)

// follow returns where the members are read from, and what must run meanwhile.
func follow(value, root string, keys *ring.Keys, logger *slog.Logger, registry prometheus.Registerer) (View, func(context.Context) error, error) {
	from, err := parseSource(value)
	if err != nil {
		return nil, nil, err
	}
	if from.kind == "seed" {
		client, err := seed.New(seed.Config{Seeds: from.addrs, Keys: keys, Logger: logger, Registerer: registry, Client: http.DefaultClient})
		if err != nil {
			return nil, nil, err
		}
		return client.View, func(context.Context) error { return nil }, nil
	}
	table := ring.NewTable()
	follower, err := mirror.NewFollower(mirror.Config{Servers: from.addrs, Root: root, Keys: keys, Logger: logger, Registerer: registry}, table)
	if err != nil {
		return nil, nil, err
	}
	view := func(context.Context) (*ring.View, error) { return table.Current(), nil }
	return view, follower.Run, nil
}
