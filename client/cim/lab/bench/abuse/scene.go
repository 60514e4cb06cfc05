package abuse

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/bench/attack"
	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
	"github.com/cim-go/cim/client/cim/lab/up"
)

// scene is a cluster with users, on which one phase is measured.
type scene struct {
	cluster  *up.Cluster
	url      string
	accounts []client.User
	users    *users
	home     *logins // from an address that the account knows
	roaming  *logins // of another account, each from a new address
	memory   memory
	mostLate time.Duration
	timer    *attack.Punctuality

	cancel context.CancelFunc // ends all goroutines below
	all    sync.WaitGroup
}

// The accounts besides those of the pairs. Their numbers count from the end of the list of
// accounts.
const (
	flooder = iota // sends the flood
	flooded        // gets the flood, and is not connected
	roamer         // logs in from new addresses
	others         // how many accounts of this list there are
)

// perAddress is how many connections of strangers, who have not logged in, one address
// may have. It is the default of nodes and routes that other machines can reach.
const perAddress = "256"

// open starts a cluster and its users. A measurement on this scene ends early if a timer
// is later than the parameter mostLate allows. The caller must close the scene.
func (c *Config) open(ctx context.Context, mostLate time.Duration) (*scene, error) {
	guard := []string{"-per-address", perAddress}
	cluster, err := up.Start(ctx, up.Config{
		Nodes: 1, Auth: "password", Redis: c.Redis, Program: c.Program, RouteFlags: guard, ServerFlags: guard,
	})
	if err != nil {
		return nil, err
	}
	s := &scene{cluster: cluster, url: cluster.RouteURLs()[0], mostLate: mostLate, timer: attack.NewPunctuality(mostLate)}
	ctx, s.cancel = context.WithCancel(ctx)
	if err := s.populate(ctx, c); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *scene) populate(ctx context.Context, c *Config) (err error) {
	if s.accounts, err = registerAll(ctx, s.url, 2*c.Pairs+others); err != nil {
		return err
	}
	if s.users, err = connect(ctx, s.url, 2*c.Pairs, c.Rate); err != nil {
		return err
	}
	s.home, s.roaming = newLogins(s.url, 0, false), newLogins(s.url, s.index(roamer), true)
	s.memory.processes = []procstat.Process{
		{Name: "node", PID: s.cluster.Nodes()[0].PID()}, {Name: "route", PID: s.cluster.Routes()[0].PID()},
	}
	if redis := s.cluster.Redis(); redis != nil {
		s.memory.processes = append(s.memory.processes, procstat.Process{Name: "redis-server", PID: redis.PID()})
	}
	for _, run := range []func(context.Context){s.home.run, s.roaming.run, s.memory.run, s.timer.Run} {
		s.all.Go(func() { run(ctx) })
	}
	return nil
}

// index returns the index of one of the other accounts.
func (s *scene) index(other int) int { return len(s.accounts) - 1 - other }

// close kills the cluster, because no phase needs an orderly end.
func (s *scene) close() {
	s.cancel()
	if s.users != nil {
		s.users.close()
	}
	s.all.Wait()
	for _, n := range s.cluster.Nodes() {
		n.Kill()
	}
	for _, r := range s.cluster.Routes() {
		r.Kill()
	}
	_ = s.cluster.Stop() // the programs were killed
}

// aim returns the plan with the addresses of the scene's cluster.
func (s *scene) aim(p attack.Plan) attack.Plan {
	p.Route, p.Node = strings.TrimPrefix(s.url, "http://"), s.cluster.Nodes()[0].Client
	return p
}

// enlist logs a flooder in, and gives it a ticket.
func (s *scene) enlist(ctx context.Context, f *attack.Flooder) error {
	name := accountName(s.index(flooder))
	posts, err := login(ctx, http.DefaultClient, s.url, name, "posts")
	if err != nil {
		return err
	}
	answer, err := login(ctx, http.DefaultClient, s.url, name, probeDevice)
	if err != nil {
		return err
	}
	f.User, f.Ticket, f.Token, f.Device, f.PostToken = answer.User, answer.Ticket, answer.Token, probeDevice, posts.Token
	f.To = s.accounts[s.index(flooded)].User
	return nil
}

// measure measures for the duration d while a generator runs. Then it ends the generator,
// which may be nil. It returns early when a timer is too late, because such a phase is
// thrown away.
func (s *scene) measure(ctx context.Context, d time.Duration, g *attack.Process) (Phase, error) {
	var p Phase
	before, err := hashed(ctx, s.url)
	if err != nil {
		return p, err
	}
	s.begin()
	if err := s.wait(ctx, d, g); err != nil {
		return p, err
	}
	p.Late = s.timer.Late()
	if g != nil {
		if p.Attack, err = g.End(); err != nil {
			return p, err
		}
		p.Late = max(p.Late, p.Attack.Late)
	}
	after, err := hashed(ctx, s.url)
	p.Hashed = after - before
	p.Due, p.Missing = s.users.end(ctx)
	s.read(&p)
	return p, errors.Join(err, s.memory.err)
}

// wait blocks for a time, or until a timer is too late.
func (s *scene) wait(ctx context.Context, d time.Duration, g *attack.Process) error {
	var ended <-chan struct{}
	if g != nil {
		ended = g.Ended()
	}
	enough := time.NewTimer(d)
	defer enough.Stop()
	select {
	case <-enough.C:
	case <-s.timer.Over():
	case <-ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func (s *scene) begin() {
	s.users.begin()
	s.home.begin()
	s.roaming.begin()
	s.memory.begin()
	s.timer.Begin()
}

func (s *scene) read(p *Phase) {
	s.users.mu.Lock()
	p.ShownP50, p.ShownP99 = s.users.shown.Quantile(0.5), s.users.shown.Quantile(0.99)
	s.users.mu.Unlock()
	p.Home, p.Roaming = s.home.read(), s.roaming.read()
	s.memory.mu.Lock()
	p.Memory = s.memory.most
	s.memory.mu.Unlock()
}
