package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/client/cim/lab/verify/crowd"
	"github.com/cim-go/cim/client/cim/lab/verify/fault"
	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
	"github.com/cim-go/cim/proto/tlsfile/localca"
	"github.com/cim-go/cim/ring/mirror/zktest"
	"github.com/cim-go/cim/routefn/record/redistest"
)

// Run runs everything and returns the verdict on the ledger that it wrote. It blocks. If
// ctx ends, the traffic ends, and everything up to that time is judged. A run that was cut
// short, for example by a fault that cannot be healed, is judged, too. An error means that
// there was no run.
func Run(ctx context.Context, c Config) (ledger.Verdict, error) {
	faults, err := c.check()
	if err != nil {
		return ledger.Verdict{}, err
	}
	if c.Out == nil {
		c.Out = io.Discard
	}
	kept := c.Dir != ""
	if !kept {
		if c.Dir, err = os.MkdirTemp("", "cim-verify-"); err != nil {
			return ledger.Verdict{}, fmt.Errorf("make folder: %w", err)
		}
	} else if old, _ := os.ReadDir(c.Dir); len(old) > 0 {
		// A store and histories from another run would bring back messages of that run.
		return ledger.Verdict{}, fmt.Errorf("%w: the folder %s is not empty", ErrConfig, c.Dir)
	}
	path := filepath.Join(c.Dir, "ledger.jsonl")
	if err = c.write(ctx, faults, path); err != nil {
		return ledger.Verdict{}, fmt.Errorf("%w (logs are in %s)", err, c.Dir)
	}
	verdict, err := Check(path)
	if !kept && err == nil && verdict.Violations() == 0 && verdict.CutShort == "" {
		return verdict, os.RemoveAll(c.Dir)
	}
	fmt.Fprintf(c.Out, "the ledger is %s, logs are beside it\n", path)
	return verdict, err
}

// Check judges the ledger at path.
func Check(path string) (ledger.Verdict, error) {
	file, err := os.Open(path)
	if err != nil {
		return ledger.Verdict{}, fmt.Errorf("open ledger: %w", err)
	}
	defer file.Close()
	judge := ledger.NewJudge()
	if err := ledger.Read(file, judge.Hear); err != nil {
		return ledger.Verdict{}, err
	}
	return judge.Verdict(), nil
}

// write runs everything and writes the ledger to path. If the run was cut short, the
// ledger says so.
func (c Config) write(ctx context.Context, faults []fault.Fault, path string) error {
	watcher := newWatcher(c.Out)
	c.Store = storeFor(c.Store, c.Ack, c.Seed, faults)
	watcher.say("seed %d; starting %d nodes and %d routes, store: %s", c.Seed, c.Nodes, c.Routes, c.Store)
	ca, err := c.authority()
	if err != nil {
		return err
	}
	repeaters, err := repeatersFor(faults, ca)
	if err != nil {
		return err
	}
	keys, err := c.keysFor(faults)
	if err != nil {
		return err
	}
	cluster, noZK, err := c.start(ctx, faults, ca, repeaters, keys)
	if err != nil {
		return err
	}
	stop := sync.OnceValue(cluster.Stop)
	defer func() { _ = stop() }() // an error of stop is in the ledger
	book, err := ledger.Create(path, watcher.hear)
	if err != nil {
		return err
	}
	book.Write(ledger.Record{Kind: ledger.Begun, Note: c.String(), Ack: c.Ack, Keep: c.Keep, Faults: namesOf(faults)})
	people, err := crowd.Gather(ctx, crowd.Config{
		Routes: cluster.RouteURLs(), Users: c.Users, Rate: c.Rate, Seed: c.Seed, Dir: c.Dir, CA: cluster.CAFile(), Ledger: book, CIMShare: c.CIMShare, NodeAt: nodeAt(cluster),
		Crowded: slices.Contains(namesOf(faults), fault.ManyGroups), Limited: c.limited(), Passwords: c.Auth == AuthPassword,
	})
	if err != nil {
		return errors.Join(err, book.Close())
	}
	err = c.drive(ctx, faults, cluster, people, noZK, repeaters, keys, book, watcher)
	if stats := cluster.Functions(); stats != nil {
		book.Write(ledger.Record{Kind: ledger.Functions, Function: stats})
	}
	if err = errors.Join(err, stop()); err != nil {
		watcher.say("cut short: %v", err)
		book.Write(ledger.Record{Kind: ledger.CutShort, Note: err.Error()})
	}
	return book.Close()
}

// nodeAt returns a function that takes a node's address for clients and returns the node's
// id.
func nodeAt(cluster *up.Cluster) func(address string) (id string) {
	return func(address string) string {
		for _, node := range slices.Backward(cluster.Nodes()) { // the latest node that had the address
			if node.Client == address {
				return node.ID
			}
		}
		return ""
	}
}

func namesOf(faults []fault.Fault) (names []string) {
	for _, f := range faults {
		names = append(names, f.Name())
	}
	return names
}

// repeatersFor returns the proxies that a fault needs, or nil.
func repeatersFor(faults []fault.Fault, ca *localca.CA) (*fault.Repeaters, error) {
	if slices.ContainsFunc(faults, func(f fault.Fault) bool { return f.Hits() == fault.Proxy }) {
		return fault.NewRepeaters(ca)
	}
	return nil, nil
}

// authority makes the authority of a run with TLS, in the run's folder, or returns nil.
func (c Config) authority() (*localca.CA, error) {
	if !c.TLS {
		return nil, nil
	}
	dir, err := filepath.Abs(filepath.Join(c.Dir, "tls")) // the path must be absolute, because servers have working folders of their own
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("make folder of the authority: %w", err)
	}
	return localca.New(dir)
}

// keysFor returns the file of the routes' keys if a fault changes keys. If no fault does,
// it returns nil and the store has the key. A store that comes back empty has then lost
// the key, too.
func (c Config) keysFor(faults []fault.Fault) (*fault.RouteKeys, error) {
	names := namesOf(faults)
	if !slices.Contains(names, "route-key") || c.Store == Single && slices.Contains(names, "store-empty") {
		return nil, nil
	}
	return fault.NewRouteKeys(c.Dir)
}

// start starts the cluster with everything that the faults need and this machine has. If
// there is no ZooKeeper, the result noZK is the reason.
func (c Config) start(ctx context.Context, faults []fault.Fault, ca *localca.CA, repeaters *fault.Repeaters, keys *fault.RouteKeys) (cluster *up.Cluster, noZK string, err error) {
	config := c.cluster(faults, repeaters, keys)
	config.CA = ca
	if config.ZK == "" {
		noZK = "it was not asked for"
	}
	for {
		cluster, err = up.Start(ctx, config)
		switch {
		case errors.Is(err, redistest.ErrNotInstalled) && config.Redis != "embedded" && c.Ack != AckReplica:
			config.Redis = "embedded"
		case errors.Is(err, zktest.ErrNotInstalled) && config.ZK == "spawn":
			config.ZK, noZK = "", zktest.ErrNotInstalled.Error()
		case errors.Is(err, redistest.ErrNoClock) && config.Clock:
			config.Clock = false
		default:
			return cluster, noZK, err
		}
	}
}

// cluster returns the cluster that the faults need, on a machine that has everything.
func (c Config) cluster(faults []fault.Fault, repeaters *fault.Repeaters, keys *fault.RouteKeys) up.Config {
	config := up.Config{Nodes: c.Nodes, Routes: c.Routes, Route: c.Route, Redis: spawned[c.Store], Dir: c.Dir, Keys: c.Keys || c.TLS, Auth: c.Auth}
	if c.Auth == AuthPassword {
		config.RouteFlags = append(config.RouteFlags, "-everyone", "user") // users may write to everyone, as they may in open mode
	}
	if c.Ack == AckReplica {
		config.RouteFlags = append(config.RouteFlags, "-ack", c.Ack)
	}
	if c.Limits != "" {
		config.RouteFlags = append(config.RouteFlags, "-limits", c.Limits)
	}
	if c.Keep > 0 {
		config.RouteFlags = append(config.RouteFlags, "-keep-count", strconv.Itoa(c.Keep))
	}
	if keys != nil {
		config.RouteFlags = append(config.RouteFlags, keys.Flags()...)
	}
	if repeaters != nil {
		config.Front = repeaters.Front
	}
	for _, f := range faults {
		switch f.Hits() {
		case fault.ZooKeeper:
			config.ZK = "spawn"
		case fault.Clock:
			config.Clock = true
		case fault.NodeClocks, fault.RouteClocks:
			config.Clocks = true
		}
	}
	return config
}

// drive makes the crowd talk while faults happen, and then ends it.
func (c Config) drive(ctx context.Context, faults []fault.Fault, cluster *up.Cluster, people *crowd.Crowd, noZK string, repeaters *fault.Repeaters, keys *fault.RouteKeys, book *ledger.Writer, watcher *watcher) error {
	world := fault.NewWorld(cluster, people, noZK, c.NoNetwork, repeaters, keys)
	plan := fault.Plan(c.Seed, c.Duration, possible(faults, world, book, watcher), world.Targets)
	watcher.say("%d devices of %d users are connected; %d faults planned in %v", len(people.Guests()), c.Users, len(plan), c.Duration)

	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var clock sync.WaitGroup
	clock.Go(func() { keepTime(life, book) })
	defer func() {
		end()
		clock.Wait()
	}()
	traffic, stop := context.WithTimeout(ctx, c.Duration)
	defer stop()
	talked := people.Talk(traffic, life)
	watcher.watch(traffic)
	failed := c.hurt(traffic, world, plan, book)
	var said <-chan struct{}
	cluster.SpareFunctions()
	watcher.say("traffic ended, everything is healed")
	if failed == nil {
		people.Settle(life)
		said = people.LastWord(life)
		watcher.settle(life, c.Settle)
		book.Write(ledger.Record{Kind: ledger.Quiet})
		failed = errors.Join(people.Audit(life, cluster.RouteURLs()), noteSessions(life, cluster, people, book), noteState(life, cluster, book), noteHeld(life, cluster, book), fallen(world))
	}
	end()
	failed = errors.Join(failed, people.Close())
	<-talked
	if said != nil {
		<-said
	}
	watcher.done()
	return failed
}

// possible returns the faults that can happen here, and records the others in the ledger.
func possible(faults []fault.Fault, world *fault.World, book *ledger.Writer, watcher *watcher) []fault.Fault {
	var list []fault.Fault
	for _, f := range faults {
		if why := f.Missing(world); why != "" {
			book.Write(ledger.Record{Kind: ledger.LeftOut, Fault: f.Name(), Note: why})
			watcher.say("left out: %s, %s", f.Name(), why)
			continue
		}
		list = append(list, f)
	}
	return list
}

// whom returns the device that was hit, or zero values if none was.
func whom(w fault.Wound) (user int64, device string) {
	if w.On != nil {
		return w.On.Who()
	}
	return 0, ""
}

// hurt carries out the plan while there is traffic. It returns when the traffic has ended
// and everything is healed.
func (c Config) hurt(traffic context.Context, world *fault.World, plan []fault.Strike, book *ledger.Writer) error {
	err := fault.Run(traffic, world, plan, fault.Told{
		Broken: func(f fault.Fault, wound fault.Wound) {
			user, device := whom(wound)
			book.Write(ledger.Record{
				Kind: ledger.Broken, Fault: f.Name(), Note: wound.What, User: user, Device: device, Over: wound.Heal == nil,
				Tail: wound.Tail.Microseconds(), Empty: wound.Empty, Restored: wound.Restored, Alone: wound.Alone.Microseconds(),
			})
		},
		Healed: func(f fault.Fault, wound fault.Wound) {
			book.Write(ledger.Record{Kind: ledger.Healed, Fault: f.Name(), Note: wound.What})
		},
		Missed: func(f fault.Fault, err error) {
			book.Write(ledger.Record{Kind: ledger.Missed, Fault: f.Name(), Note: err.Error()})
		},
	})
	<-traffic.Done()
	if err != nil {
		return err
	}
	return fallen(world)
}

// fallen returns an error that names the processes that ended by themselves. If there are
// none, it returns nil.
func fallen(world *fault.World) error {
	if names := world.Fallen(); len(names) > 0 {
		return fmt.Errorf("ended by themselves: %s", strings.Join(names, ", "))
	}
	return nil
}
