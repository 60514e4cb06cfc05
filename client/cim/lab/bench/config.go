package bench

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
)

// ErrConfig is wrapped by the error for a wrong Config.
var ErrConfig = errors.New("flags of bench")

// Config says what to measure. All fields but those that say so are needed.
type Config struct {
	Loads    []string      // names, see Loads
	Runs     int           // of everything; figures are their medians
	Duration time.Duration // of the measured time of a run
	WarmUp   time.Duration // before it
	Hold     time.Duration // measured time of idle: pings go round in 10 s

	Members int     // of the room of fanout
	Groups  []int   // numbers of members of group
	Nodes   int     // of group
	Pairs   int     // of pairs
	Idle    int     // connections of idle
	Logins  int     // of login
	Publish float64 // messages a second of fanout and group, where they are paced
	Rate    float64 // messages a second of pairs, where they are paced
	Text    int     // bytes of a message's text

	// Profile is an existing folder for profiles of fanout and pairs. They show which
	// code used CPU in the last measured time, and which code allocated. Read them with
	// go tool pprof. Taking them costs some CPU. If Profile is empty, none are taken.
	Profile string

	Forms []string // how the system is run: of Forms; empty: all
	// Redis is the store of each system that is started, in the form of up.Config:
	// "spawn", or the URL of one that runs. Empty: spawn, or embedded where there is none
	// to spawn.
	Redis string
	// Routes are the URLs of a system that runs already. Empty: each measurement starts
	// a new one.
	Routes    []string
	Processes []procstat.Process // of that system, whose costs are reported; "route" and "redis-server" hold no connections

	Program []string  // the command line of this program, to start others by; nil: this very binary
	Out     io.Writer // progress; nil: nowhere
}

// Loads are what can be measured.
var Loads = []string{"fanout", "pairs", "idle", "login", "group"}

// Forms are the ways in which the system is started where one node is enough.
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
	for name, n := range map[string]int{
		"runs": c.Runs, "members": c.Members, "nodes": c.Nodes, "pairs": c.Pairs, "idle": c.Idle, "logins": c.Logins, "text": c.Text,
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
	case len(c.Routes) == 0 && len(c.Processes) > 0:
		return fmt.Errorf("%w: -pid is for a system that runs already: set -route", ErrConfig)
	case slices.Min(c.Groups) < 1:
		return fmt.Errorf("%w: a group without members", ErrConfig)
	}
	return nil
}
