package bench

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
	"github.com/cim-go/cim/proto"
)

// ErrConfig is the error for a wrong Config. Run returns an error that wraps it.
var ErrConfig = errors.New("flags of bench")

// Config says what to measure. A field is required unless its comment gives its zero
// value a meaning.
type Config struct {
	Loads    []string      // names, see Loads
	Runs     int           // how often everything is measured; a figure is the median of the runs
	Duration time.Duration // how long a run is measured
	WarmUp   time.Duration // how long the load runs before it is measured
	Hold     time.Duration // how long idle is measured; each client pings once in 10 s

	Members int   // how many members the room of fanout has
	Groups  []int // how many members each group of the load group has
	Nodes   int   // how many nodes the load group has
	Pairs   int   // how many pairs the load pairs has
	Idle    int   // how many connections the load idle has
	// IdleRate is how many messages per second the connections of idle send. Zero: none.
	IdleRate float64
	Logins   int // how many users the load login has
	Storm    int // how many connections the load storm has
	// Handshakes is how many handshakes per second strangers begin in the load handshakes.
	Handshakes float64
	// GroupsOfUser adds runs of the load login in which each user is a member of that
	// many groups. Zero: it adds none.
	GroupsOfUser int
	Publish      float64 // messages per second in the paced runs of fanout and group
	Rate         float64 // messages per second in the paced runs of pairs
	// Outstanding is how many messages are under way in the load http. In some runs one
	// account sends all of them, and in others each comes from another account.
	Outstanding int
	Entries     []int // how many entries every log has before a run of http; the load is measured for each
	// The load half sends at half of the rate HalfOf, in messages per second. Zero: half
	// of the highest rate, which is measured first.
	HalfOf float64
	// MostLate is how late a timer of 10 ms may be. A run of half or handshakes in which a
	// timer was later is thrown away. Such a run says more about the machine than about
	// the system.
	MostLate time.Duration
	Text     int // bytes of a message's text

	// Profile is an existing folder for profiles of fanout and pairs. They show which
	// code used CPU in the last measured time, and which code allocated. Read them with
	// go tool pprof. Profiling costs some CPU. If Profile is empty, nothing is profiled.
	Profile string

	Forms []string // names of forms, see the variable Forms; empty: all
	// TLS are hops, see the variable TLS. Each form is measured without TLS, and then with
	// TLS at each of the hops. These measurements are compared with each other and not
	// with the limit. Empty: nothing speaks TLS.
	TLS []string
	// Redis is the store of each system that is started. As in up.Config, it is "spawn"
	// or the URL of a store that runs. Empty: "spawn", or "embedded" if redis-server is
	// not installed.
	Redis string
	// Routes are the URLs of a system that runs already. Empty: each measurement starts
	// a new one.
	Routes []string
	// Elsewhere says that the system of Routes runs on other machines. So that system is
	// not compared with the limit of this machine.
	Elsewhere bool
	HTTP      *http.Client       // makes the requests to routes; nil: a plain one
	Password  string             // of all accounts, in a system that asks for one; empty: a fixed one
	Processes []procstat.Process // the processes of that system whose costs are reported; those named "route" and "redis-server" hold no connections

	Program []string  // the command line by which to start this program again; nil: the present binary
	Out     io.Writer // where the progress is printed; nil: nowhere
}

// Loads has the names of all loads.
var Loads = append(slices.Clone(Usual), "http", "half", "pull", "storm", "handshakes")

// Remote has the names of the loads that are measured on a system elsewhere if the caller
// names no load.
var Remote = []string{"pairs", "http", "login"}

// Usual has the names of the loads that are measured if the caller names no load.
var Usual = []string{"fanout", "pairs", "idle", "login", "group"}

// TLS has the names of the hops at which a system may speak TLS. Clients are the hops from
// clients to nodes and routes. Route is the hop between nodes and routes, and redis is the
// hop from routes to the store.
var TLS = []string{"clients", "route", "redis", allHops}

// Forms has the names of the forms in which a system with one node is started.
var Forms = []string{Together, Apart}

func (c *Config) check() error {
	for _, name := range c.Loads {
		if !slices.Contains(Loads, name) {
			return fmt.Errorf("%w: there is no load %q, there are %s", ErrConfig, name, strings.Join(Loads, ", "))
		}
	}
	for _, name := range c.Forms {
		if !slices.Contains(Forms, name) {
			return fmt.Errorf("%w: there is no form %q, there are %s", ErrConfig, name, strings.Join(Forms, ", "))
		}
	}
	for _, name := range c.TLS {
		if !slices.Contains(TLS, name) {
			return fmt.Errorf("%w: there is no hop %q, there are %s", ErrConfig, name, strings.Join(TLS, ", "))
		}
	}
	for name, n := range map[string]int{
		"runs": c.Runs, "members": c.Members, "nodes": c.Nodes, "pairs": c.Pairs, "idle": c.Idle, "logins": c.Logins, "storm": c.Storm, "outstanding": c.Outstanding, "text": c.Text,
	} {
		if n < 1 {
			return fmt.Errorf("%w: -%s is %d, want at least 1", ErrConfig, name, n)
		}
	}
	switch {
	case c.Duration <= 0 || c.Hold <= 0 || c.WarmUp < 0:
		return fmt.Errorf("%w: -duration is %v, -hold %v and -warmup %v", ErrConfig, c.Duration, c.Hold, c.WarmUp)
	case c.Publish <= 0 || c.Rate <= 0:
		return fmt.Errorf("%w: nothing is sent at %v and %v messages a second", ErrConfig, c.Publish, c.Rate)
	case slices.Contains(c.Loads, "handshakes") && !slices.Contains(c.TLS, "clients") && !slices.Contains(c.TLS, allHops):
		return fmt.Errorf("%w: handshakes needs -tls clients or -tls all", ErrConfig)
	case c.Handshakes < 0:
		return fmt.Errorf("%w: -handshakes is %v", ErrConfig, c.Handshakes)
	case c.IdleRate < 0 || c.IdleRate > 0 && c.Idle < 2:
		return fmt.Errorf("%w: %d connections send %v messages a second", ErrConfig, c.Idle, c.IdleRate)
	case c.HalfOf < 0 || c.MostLate <= 0:
		return fmt.Errorf("%w: -half-of is %v and -late %v", ErrConfig, c.HalfOf, c.MostLate)
	case len(c.Routes) == 0 && len(c.Processes) > 0:
		return fmt.Errorf("%w: -pid is for a system that runs already: set -route or -against", ErrConfig)
	case len(c.Routes) > 0 && len(c.TLS) > 0:
		return fmt.Errorf("%w: -tls is for a system that bench starts; one that runs already says itself whether it speaks TLS", ErrConfig)
	case c.GroupsOfUser < 0 || c.GroupsOfUser > proto.MaxGroups:
		return fmt.Errorf("%w: -groups-of-user is %d, want 0 to %d", ErrConfig, c.GroupsOfUser, proto.MaxGroups)
	case c.GroupsOfUser > 0 && len(c.Routes) > 0:
		return fmt.Errorf("%w: -groups-of-user makes groups, so it is for a system that bench starts", ErrConfig)
	case slices.Min(c.Groups) < 1:
		return fmt.Errorf("%w: a group without members", ErrConfig)
	case slices.Min(c.Entries) < 0:
		return fmt.Errorf("%w: a log with %d entries", ErrConfig, slices.Min(c.Entries))
	}
	return nil
}
