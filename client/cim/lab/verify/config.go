package verify

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/client/cim/lab/verify/fault"
)

// ErrConfig is the error for a wrong Config. Run returns an error that wraps it.
var ErrConfig = errors.New("flags of verify")

// Config says what to run. A field is required unless its comment gives its zero value a
// meaning. Dir and Out are optional, too.
type Config struct {
	Seed     uint64
	Duration time.Duration // of the traffic; the run takes some seconds more
	Faults   []string      // names, or "all"
	Store    string        // its form: one of Stores; empty: Auto
	Ack      string        // when routes accept a message: AckPrimary or AckReplica
	Users    int           // at least 2
	CIMShare int           // how many of 100 users also have a CIM client; zero: see crowd.Config
	Nodes    int
	Routes   int
	Route    string        // how routes run, see up.Config; empty: as servers
	Auth     string        // mode of accounts: AuthOpen or AuthPassword; empty: AuthOpen
	TLS      bool          // every connection uses TLS, with an authority that is made for the run; includes Keys
	Keys     bool          // each process has a key and a certificate of its own
	Rate     float64       // messages per second, of all users together
	Limits   string        // what routes allow one account: off, default, or a file of limits; empty: off, because routes are on this machine
	Keep     int           // the largest number of messages in a log; zero: the route's default
	Settle   time.Duration // how long after the last fault is healed missing messages may still come
	Dir      string        // for the ledger, logs and data; empty: a temporary one, kept if there are violations
	Out      io.Writer     // progress and verdict; nil: nowhere

	NoNetwork string // why the run has no network of its own; empty: it has one, see fault.OwnNetwork
}

// The modes of accounts. CIM clients can log in with AuthOpen only.
const (
	AuthOpen     = "open"
	AuthPassword = "password"
)

// Settle is how long after the last fault is healed all messages must have been shown.
// Within 30 s, reconciliation finds messages that were not pushed. A client that failed
// often pauses for at most 30 s.
const Settle = 75 * time.Second

// check returns the chosen faults. If there is a mistake in c, it returns an error that
// wraps ErrConfig.
func (c Config) check() ([]fault.Fault, error) {
	for _, check := range []struct {
		wrong bool
		why   string
	}{
		{c.Duration <= 0, fmt.Sprintf("-duration %v: want more than 0", c.Duration)},
		{c.Users < 2, fmt.Sprintf("-users %d: want at least 2", c.Users)},
		{c.CIMShare < 0 || c.CIMShare > 100, fmt.Sprintf("-cim-share %d: want a percentage", c.CIMShare)},
		{c.Nodes < 1, fmt.Sprintf("-nodes %d: want at least 1", c.Nodes)},
		{c.Routes < 1, fmt.Sprintf("-routes %d: want at least 1", c.Routes)},
		{c.Rate <= 0, fmt.Sprintf("-rate %g: want more than 0", c.Rate)},
		{
			c.Store != "" && !slices.Contains(Stores, c.Store),
			fmt.Sprintf("-store: there is no store %q; want one of %s", c.Store, strings.Join(Stores, ", ")),
		},
		{
			c.Ack != AckPrimary && c.Ack != AckReplica || c.Ack == AckReplica && c.Store == Single,
			fmt.Sprintf("-ack %s: want %s, or %s with a store that has replicas", c.Ack, AckPrimary, AckReplica),
		},
		{
			c.Auth != "" && c.Auth != AuthOpen && c.Auth != AuthPassword,
			fmt.Sprintf("-auth %s: want %s or %s", c.Auth, AuthOpen, AuthPassword),
		},
		{
			c.Route != "" && c.Route != up.RouteServer && c.Route != up.RouteLambda,
			fmt.Sprintf("-route %s: want %s or %s", c.Route, up.RouteServer, up.RouteLambda),
		},
	} {
		if check.wrong {
			return nil, fmt.Errorf("%w: %s", ErrConfig, check.why)
		}
	}
	if c.Route == up.RouteLambda && c.TLS {
		return nil, fmt.Errorf("%w: -tls needs -route server", ErrConfig)
	}
	if c.Route == up.RouteLambda && !up.Signals {
		return nil, fmt.Errorf("%w: -route %s: %w", ErrConfig, c.Route, up.ErrNoPause)
	}
	return choose(c.Faults)
}

// choose returns the faults with the given names; the single name "all" stands for
// every fault.
func choose(names []string) ([]fault.Fault, error) {
	all := fault.All()
	if slices.Equal(names, []string{"all"}) {
		return all, nil
	}
	var chosen []fault.Fault
	for _, name := range names {
		i := slices.IndexFunc(all, func(f fault.Fault) bool { return f.Name() == name })
		if i < 0 {
			return nil, fmt.Errorf("%w: -faults: there is no fault %q", ErrConfig, name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// limited reports whether routes limit what an account may do.
func (c Config) limited() bool { return c.Limits != "" && c.Limits != "off" }

func (c Config) String() string {
	line := fmt.Sprintf("-seed %d -duration %v -faults %s -store %s -ack %s -users %d -nodes %d -routes %d -rate %g",
		c.Seed, c.Duration, strings.Join(c.Faults, ","), c.Store, c.Ack, c.Users, c.Nodes, c.Routes, c.Rate)
	if c.CIMShare > 0 {
		line += fmt.Sprintf(" -cim-share %d", c.CIMShare)
	}
	if c.Auth == AuthPassword {
		line += " -auth " + c.Auth
	}
	if c.TLS {
		line += " -tls"
	}
	if c.Keys && !c.TLS {
		line += " -keys"
	}
	if c.Limits != "" {
		line += " -limits " + c.Limits
	}
	if c.Keep > 0 {
		line += fmt.Sprintf(" -keep %d", c.Keep)
	}
	if c.Route == up.RouteLambda {
		line += " -route " + c.Route
	}
	return line
}
