package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
	"github.com/cim-go/cim/proto/tlsfile/localca"
)

// bench is the state of one call of Run.
type bench struct {
	Config
	begun    time.Time
	ca       *localca.CA // of the systems that are started; nil: none speaks TLS
	running  *running    // the system that runs already; nil: systems are started
	profiled string      // the name of the present measurement in the names of files
	profiles profiles    // the profiles of the system that is being measured
}

// load is one load that is put on a system. The function run measures the load on a
// system that was started for this.
type load struct {
	Name  string
	About string
	forms []form
	run   func(context.Context, system) ([]Figure, Check, error)
}

// Run measures every load in every form once, and then all of these again in the next run.
// So a disturbance of the machine spreads over several loads, and does not hit all runs of
// one load. Run blocks. An error means that there is no result.
func Run(ctx context.Context, c Config) (*Report, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Out == nil {
		c.Out = io.Discard
	}
	b := &bench{Config: c, begun: time.Now()}
	if len(c.Routes) > 0 {
		b.running = &running{c.newAPI(c.Routes), c.Processes}
	}
	if len(c.TLS) > 0 {
		remove, err := b.makeCA()
		if err != nil {
			return nil, err
		}
		defer remove()
	}
	report := newReport(b.loads(), c.Runs)
	report.Elsewhere = c.Elsewhere
	for n := range c.Runs {
		for i, l := range report.loads {
			for j, f := range l.forms {
				figures, check, err := b.once(ctx, l, f)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", l.Name, f.name, err)
				}
				report.add(i, j, figures, check)
				b.say("run %d of %d  %-31s %-20s %s", n+1, c.Runs, l.Name, f.name, headline(figures))
			}
		}
	}
	report.finish()
	return report, nil
}

// makeCA makes an authority for all systems that are started. The function remove deletes
// it.
func (b *bench) makeCA() (remove func(), err error) {
	dir, err := os.MkdirTemp("", "cim-bench-")
	if err != nil {
		return nil, fmt.Errorf("make folder of the authority: %w", err)
	}
	remove = func() { _ = os.RemoveAll(dir) } // if that fails, the system cleans up the temporary folder
	if b.ca, err = localca.New(dir); err != nil {
		remove()
		return nil, err
	}
	return remove, nil
}

func (b *bench) loads() []load {
	all := map[string]func() []load{
		"fanout": b.fanout, "pairs": b.pairs, "idle": b.idle, "login": b.login, "group": b.groups, "http": b.http, "half": b.half, "pull": b.pull, "storm": b.storm, "handshakes": b.handshakes,
	}
	var loads []load
	for _, name := range b.Loads {
		loads = append(loads, all[name]()...)
	}
	return loads
}

// once starts a system, measures one load on it, and stops it.
func (b *bench) once(ctx context.Context, l load, f form) ([]Figure, Check, error) {
	s, err := f.start(ctx)
	if err != nil {
		return nil, Check{}, err
	}
	defer s.stop()
	b.profiles = nil
	if started, ok := unwrap(s).(*cluster); ok {
		b.profiled, b.profiles = l.Name+" "+f.name, started.profiles
	}
	return l.run(ctx, s)
}

// seats registers users and logs them in.
func (b *bench) seats(ctx context.Context, s system, n int) ([]loadclients.Seat, error) {
	if err := s.register(ctx, n); err != nil {
		return nil, err
	}
	return s.login(ctx, 0, n)
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.Out, "%6.1f s  %s\n", time.Since(b.begun).Seconds(), fmt.Sprintf(format, args...))
}

// headline returns a line with the first two figures of a run.
func headline(figures []Figure) (line string) {
	for _, f := range figures[:min(2, len(figures))] {
		line += fmt.Sprintf("%s %s, ", f.Name, quantity(f.Value, f.Unit))
	}
	return line[:max(0, len(line)-2)]
}
