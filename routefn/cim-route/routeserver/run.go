package routeserver

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

	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/ring/mirror"
	"github.com/cim-go/cim/ring/seed"
)

// options are all settings of cim-route.
type options struct {
	Flags
	listen   string // flag; empty: the platform's address
	function bool
	members  source
	stale    time.Duration // if no seed answers, the last known list of members is used up to this age
	zkRoot   string
	key      string
	profile  process.Profile // only for a server, because in a function nothing runs beside requests
	log      *slog.Logger
	logging  process.Log // flags that configure log
	stderr   io.Writer
}

// defaultListen is the address of a route if neither a flag nor a platform sets one.
const defaultListen = "127.0.0.1:8083"

func parse(args []string, stderr io.Writer) (*options, error) {
	fs := flag.NewFlagSet("cim-route", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var (
		o       options
		members string
		only    string
	)
	o.stderr = stderr
	o.Register(fs)
	o.logging.Flags(fs)
	o.profile.Flags(fs, "-internal-listen")
	o.TLS.Flags(fs, "-internal-listen")
	fs.StringVar(&o.listen, "listen", "", "`address` for clients and nodes. Empty: the port that a platform of functions names\n(FUNCTIONS_CUSTOMHANDLER_PORT, FC_SERVER_PORT, PORT), else "+defaultListen)
	fs.BoolVar(&o.function, "function", false, "run as a function, which is frozen between requests and bounded by its platform.\nThis is so by itself if AWS_LAMBDA_RUNTIME_API or a variable of -listen is set")
	fs.StringVar(&only, "only", "", "serve only these `handlers`, separated by commas, such as login,send (and the health checks); empty: all")
	fs.StringVar(&members, "ring", "seed:127.0.0.1:8081",
		"`source` of the members: seed:HOST:PORT[,...], the internal HTTP of any nodes,\nor zk:HOST:PORT[,...], ZooKeeper (not for functions)")
	fs.DurationVar(&o.stale, "ring-stale", time.Minute, "`age` up to which the last known members are used while no node answers")
	fs.StringVar(&o.zkRoot, "zk-root", mirror.DefaultRoot, "`path` in ZooKeeper under which nodes are registered")
	fs.StringVar(&o.key, "cluster-key", "", "`secret` that all nodes and routes share (or file:PATH or secretsmanager:ARN). While you change it, give the old\nand the new one, one per line. Without it a route serves this machine only")
	o.Certs.Flags(fs, "identity")
	err := process.Parse(fs, args)
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
		return nil, fmt.Errorf("%w: -ring-stale %v: want more than 0", process.ErrUsage, o.stale)
	}
	if only != "" {
		o.Only = strings.Split(only, ",")
	}
	return &o, o.check()
}

// Run runs a route. It blocks until ctx ends and the requests in flight are done. An
// error that wraps process.ErrUsage means that the flags are wrong.
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
		hangup := process.OnHangup(o.log, func() (*options, error) { return parse(args, io.Discard) })
		defer hangup.Stop()
		hangup.Add(func(again *options) error { return o.logging.SetLevel(again.logging.Level) })
		return o.serve(ctx, at.listen, hangup)
	}
}

// serve runs a server. It waits until all keys and the store are available. Then it
// follows the members and serves, and a signal on the channel hangup makes it read its
// keys and certificates again.
func (o *options) serve(ctx context.Context, listen string, hangup *process.Hangup[*options]) error {
	keys, err := process.Keys("cluster-key", o.key)
	if err != nil {
		return err
	}
	if err := o.CheckListen("listen", listen, len(keys) > 0); err != nil {
		return err
	}
	if err := o.TLS.Check("internal-listen", o.InternalAt()); err != nil {
		return err
	}
	if err := o.TLS.Load(o.log); err != nil {
		return err
	}
	if o.Profiles, err = o.profile.Internal("internal-listen", o.InternalAt() != "", len(keys) > 0); err != nil {
		return err
	}
	exposed := []string{listen}
	if at := o.InternalAt(); at != "" {
		exposed = append(exposed, at)
	}
	if o.AuditLog, err = o.Audit.Open(o.stderr, exposed...); err != nil {
		return err
	}
	defer o.Audit.Close()
	hangup.Add(func(*options) error { return o.Audit.Reopen() })
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	cluster := ring.NewKeys(keys...)
	if err := o.admit(cluster); err != nil {
		return err
	}
	members, follow, err := o.follow(cluster, registry)
	if err != nil {
		return err
	}
	listeners, err := o.Listen("listen", listen)
	if err != nil {
		return err
	}
	if err := o.AwaitStore(ctx, o.log, listeners); err != nil {
		return errors.Join(err, listeners.Close())
	}
	server, err := Assemble(&o.Flags, listeners, members, cluster, o.log, registry)
	if err != nil {
		return err
	}
	clusterKey := process.KeyFlag{Name: "cluster-key", Now: keys, Log: o.log, Audit: o.AuditLog, Use: func(keys ...[]byte) error {
		cluster.Set(keys...)
		show, accept := cluster.ServiceTokens()
		server.Route().SetServiceTokens(show, accept...)
		return nil
	}}
	hangup.Add(func(again *options) error { return clusterKey.Again(again.key) })
	hangup.Add(func(again *options) error { return server.ReadAgain(&again.Flags) })
	hangup.Add(func(again *options) error { return o.Certs.Again(&again.Certs) })
	hangup.Add(func(*options) error { return o.TLS.Reload() })
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return follow(ctx) })
	group.Go(func() error { return o.profile.Run(ctx, o.log) })
	group.Go(func() error { return server.Run(ctx) })
	group.Go(func() error {
		return process.AwaitReady(ctx, o.log, "the members", o.FailFast, func(ctx context.Context) error {
			_, err := members.View(ctx)
			return err
		})
	})
	return group.Wait()
}

// admit loads the process's identity. From then on, every source of members that uses the
// given keys returns only members with a certificate.
func (o *options) admit(keys *ring.Keys) error {
	if err := o.LoadCerts(); err != nil {
		return err
	}
	if o.roster != nil {
		keys.Admit(o.roster.Known) // package routefn checks whether certificates have expired
	}
	return nil
}

// Members is the source from which a route learns the members.
type Members struct {
	View  func(context.Context) (*ring.View, error) // the current ones
	Heard func(node string)                         // see routefn.Config; may be nil
}

// follow returns the source of the members, and a function that must run as long as the
// source is used. That function blocks until its context ends or it fails.
func (o *options) follow(keys *ring.Keys, registry prometheus.Registerer) (Members, func(context.Context) error, error) {
	if o.members.kind == "seed" {
		members, err := o.followSeeds(keys, registry)
		return members, func(context.Context) error { return nil }, err
	}
	table := ring.NewTable()
	follower, err := mirror.NewFollower(mirror.Config{Servers: o.members.addrs, Root: o.zkRoot, Keys: keys, Logger: o.log, Registerer: registry}, table)
	if err != nil {
		return Members{}, nil, err
	}
	return Members{View: follower.View}, follower.Run, nil
}

// followSeeds fetches the members from a node when a request needs them.
func (o *options) followSeeds(keys *ring.Keys, registry prometheus.Registerer) (Members, error) {
	trust, err := o.nodeTrust(o.log)
	if err != nil {
		return Members{}, err
	}
	transport := trust.Transport(http.DefaultTransport.(*http.Transport).Clone())
	client, err := seed.New(seed.Config{
		Seeds: o.members.addrs, Keys: keys, MaxStale: o.stale, Logger: o.log, Registerer: registry, Client: &http.Client{Transport: transport},
	})
	if err != nil {
		return Members{}, err
	}
	return Members{client.View, client.Heard}, nil
}
