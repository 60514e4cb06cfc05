package abuse

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/attack"
	"github.com/cim-go/cim/client/cim/lab/bench/baseline"
)

// abuse has the state of one call of Run.
type abuse struct {
	Config
	begun  time.Time
	report *Report
	flood  float64 // messages per second that the node accepted from the flooder in the last attack
	posts  float64 // messages per second that the route accepted from the flooder in the last attack
}

// Run measures all phases. It blocks. An error means that there is no result.
func Run(ctx context.Context, c Config) (*Report, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Out == nil {
		c.Out = io.Discard
	}
	if c.Program == nil {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find own program: %w", err)
		}
		c.Program = []string{self}
	}
	a := &abuse{Config: c, begun: time.Now(), report: newReport(c)}
	for n := range c.Runs {
		if err := a.run(ctx, n); err != nil {
			return nil, err
		}
	}
	if err := a.own(ctx); err != nil {
		return nil, err
	}
	return a.report, a.guesses(ctx)
}

// run measures the three phases of a run. The control and the attack change places between
// runs, so that neither of the two is always the first.
func (a *abuse) run(ctx context.Context, n int) error {
	order := []string{Quiet, Attack, Control}
	if n%2 == 1 {
		slices.Reverse(order[1:])
	}
	for _, name := range order {
		p, err := a.punctual(ctx, name, func(ctx context.Context) (Phase, error) { return a.phase(ctx, name) })
		if err != nil {
			return err
		}
		a.report.Phases[name] = append(a.report.Phases[name], p)
		if name == Attack {
			seconds := p.Attack.Took.Seconds()
			a.flood = max(1, float64(p.Attack.Flood.Ended())/seconds) // zero would be full speed
			a.posts = max(1, float64(p.Attack.Posts.Ended())/seconds)
		}
	}
	return nil
}

// mostThrown is how many measurements of one phase may be thrown away. After one more,
// Run fails.
const mostThrown = 20

// punctual measures a phase, and repeats it until no timer was late.
func (a *abuse) punctual(ctx context.Context, name string, phase func(context.Context) (Phase, error)) (Phase, error) {
	for range mostThrown {
		p, err := phase(ctx)
		if err != nil {
			return p, fmt.Errorf("%s: %w", name, err)
		}
		verdict := "counts"
		if p.Late > a.MostLate {
			a.report.Thrown[name]++
			verdict = "is thrown away"
		}
		a.say("%-9s shown p50 %v, p99 %v; logins %d of %d; a timer was %v late: it %s", name, round(p.ShownP50), round(p.ShownP99),
			p.Home.OK+p.Roaming.OK, p.Home.Tried+p.Roaming.Tried, round(p.Late), verdict)
		if p.Late <= a.MostLate {
			return p, nil
		}
	}
	return Phase{}, fmt.Errorf("%s: a timer was more than %v late, %d times in a row: the machine is too busy", name, a.MostLate, mostThrown)
}

// renew is how long a connection with unfinished input is held. Nodes and routes allow a
// longer time than that, so they never end such a connection. So all held connections are
// open at once.
const renew = 4 * time.Second

// phase measures a phase of a run on a new cluster.
func (a *abuse) phase(ctx context.Context, name string) (Phase, error) {
	s, err := a.open(ctx, a.MostLate)
	if err != nil {
		return Phase{}, err
	}
	defer s.close()
	if name == Quiet {
		return s.measure(ctx, a.Duration, nil)
	}
	plan := s.aim(attack.Plan{
		Bodies: a.Bodies, Shared: a.Bodies / 2, Frames: a.Frames, Renew: renew,
		Guessers: a.Guessers, GuessRate: a.GuessRate * float64(a.Guessers),
		Names:   []string{accountName(0), "", "", ""}, // no account gets many guesses, so the route hashes most of them
		Flooder: new(attack.Flooder),
	})
	if err := s.enlist(ctx, plan.Flooder); err != nil {
		return Phase{}, err
	}
	if name == Control {
		sink, err := baseline.Start(a.command("sink"))
		if err != nil {
			return Phase{}, err
		}
		defer sink.Stop()
		plan.Route, plan.Node, plan.Sink, plan.Flooder.Rate = sink.Address, sink.Address, true, a.flood
		plan.Flooder.PostRate = a.posts
	}
	return a.beside(ctx, s, plan, a.Duration)
}

// beside measures a scene while an attack goes on.
func (a *abuse) beside(ctx context.Context, s *scene, plan attack.Plan, d time.Duration) (Phase, error) {
	ctx, cancel := context.WithCancel(ctx) // ends the generator even if this function fails
	defer cancel()
	plan.MostLate = s.mostLate
	g, err := attack.Start(ctx, a.command("attack"), plan)
	if err != nil {
		return Phase{}, err
	}
	return s.measure(ctx, d, g)
}

// anyLate is the bound for late timers in phases that measure no times.
const anyLate = time.Hour

// ownLogins is how many logins own tries.
const ownLogins = 10

// own measures logins while the users' own address also sends unfinished bodies.
func (a *abuse) own(ctx context.Context) error {
	s, err := a.open(ctx, anyLate)
	if err != nil {
		return err
	}
	defer s.close()
	plan := s.aim(attack.Plan{Bodies: a.OwnBodies, Shared: a.OwnBodies, Renew: renew})
	p, err := a.beside(ctx, s, plan, ownLogins*loginEvery)
	if err != nil {
		return err
	}
	a.say("own       %d unfinished bodies from the users' address: logins %d of %d", a.OwnBodies, p.Home.OK, p.Home.Tried)
	a.report.Own = p
	return nil
}

// guesses measures how many guesses at one account the route hashes. The guesses come from
// many addresses.
func (a *abuse) guesses(ctx context.Context) error {
	s, err := a.open(ctx, anyLate)
	if err != nil {
		return err
	}
	defer s.close()
	plan := s.aim(attack.Plan{
		Guessers: a.Addresses, GuessRate: float64(a.Guesses) / a.GuessTime.Seconds(), Names: []string{accountName(0)},
	})
	p, err := a.beside(ctx, s, plan, a.GuessTime)
	if err != nil {
		return err
	}
	a.report.Guesses = p
	a.say("guesses   %d from %d addresses: %d hashed; logins %d of %d", p.Attack.Guesses.Tried, a.Addresses, p.guessesHashed(), p.Home.OK, p.Home.Tried)
	return nil
}

// command is the command line of another process of the measurement.
func (a *abuse) command(name string) []string {
	return append(slices.Clip(a.Program), "bench", name)
}

func (a *abuse) say(format string, args ...any) {
	fmt.Fprintf(a.Out, "%6.1f s  %s\n", time.Since(a.begun).Seconds(), fmt.Sprintf(format, args...))
}

// round rounds a time for people.
func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
