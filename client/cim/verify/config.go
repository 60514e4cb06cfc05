package verify

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cim-go/cim/client/cim/up"
	"github.com/cim-go/cim/client/cim/verify/fault"
)

// ErrConfig is wrapped by what is wrong with a Config.
var ErrConfig = errors.New("verify")

// Config says what to run. All fields but Dir and Out are needed.
type Config struct {
	Seed     uint64
	Duration time.Duration // of the traffic; the run takes some seconds more
	Faults   []string      // names, or "all"
	Store    string        // its form: one of Stores; empty: Auto
	Ack      string        // what routes call accepted: AckPrimary or AckReplica
	Users    int           // at least 2
	Nodes    int
	Routes   int
	Route    string        // what routes are, see up.Config; empty: servers
	Rate     float64       // messages a second, of all users together
	Keep     int           // messages that a log keeps at most; zero: the route's default
	Settle   time.Duration // how long what is owed may take when all is healed
	Dir      string        // for the ledger, logs and data; empty: a temporary one, kept if there are violations
	Out      io.Writer     // progress and verdict; nil: nowhere

	NoNetwork string // why the run is in no network of its own; empty: it is, see fault.OwnNetwork
}

// Settle is how long it may take until everything is shown when nothing is
// broken any more: reconciliation finds within 30 s what nobody pushed, and a
// client that failed often in a row pauses for 30 s at most.
const Settle = 75 * time.Second

func (c Config) check() ([]fault.Fault, error) {
	switch {
	case c.Duration <= 0:
		return nil, fmt.Errorf("%w: the duration is %v", ErrConfig, c.Duration)
	case c.Users < 2:
		return nil, fmt.Errorf("%w: %d users, want at least 2", ErrConfig, c.Users)
	case c.Nodes < 1 || c.Routes < 1:
		return nil, fmt.Errorf("%w: at least one node and one route are needed", ErrConfig)
	case c.Rate <= 0:
		return nil, fmt.Errorf("%w: the rate is %v", ErrConfig, c.Rate)
	}
	if c.Store != "" && !slices.Contains(Stores, c.Store) {
		return nil, fmt.Errorf("%w: there is no store %q, but %s", ErrConfig, c.Store, strings.Join(Stores, ", "))
	}
	if c.Ack != AckPrimary && c.Ack != AckReplica || c.Ack == AckReplica && c.Store == Single {
		return nil, fmt.Errorf("%w: -ack %s: want %s, or %s with a store that has replicas", ErrConfig, c.Ack, AckPrimary, AckReplica)
	}
	if c.Route != "" && c.Route != up.RouteServer && c.Route != up.RouteLambda {
		return nil, fmt.Errorf("%w: -route %s: want %s or %s", ErrConfig, c.Route, up.RouteServer, up.RouteLambda)
	}
	if c.Route == up.RouteLambda && !up.Signals {
		return nil, fmt.Errorf("%w: -route %s: %w", ErrConfig, c.Route, up.ErrNoPause)
	}
	all := fault.All()
	if slices.Equal(c.Faults, []string{"all"}) {
		return all, nil
	}
	var chosen []fault.Fault
	for _, name := range c.Faults {
		i := slices.IndexFunc(all, func(f fault.Fault) bool { return f.Name() == name })
		if i < 0 {
			return nil, fmt.Errorf("%w: there is no fault %q", ErrConfig, name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func (c Config) String() string {
	line := fmt.Sprintf("-seed %d -duration %v -faults %s -store %s -ack %s -users %d -nodes %d -routes %d -rate %g",
		c.Seed, c.Duration, strings.Join(c.Faults, ","), c.Store, c.Ack, c.Users, c.Nodes, c.Routes, c.Rate)
	if c.Keep > 0 {
		line += fmt.Sprintf(" -keep %d", c.Keep)
	}
	if c.Route == up.RouteLambda {
		line += " -route " + c.Route
	}
	return line
}
