package bench

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/attack"
	"github.com/cim-go/cim/client/cim/lab/bench/baseline"
	"github.com/cim-go/cim/client/cim/lab/up"
)

// handshakes returns the load in which users write to each other while strangers begin
// many handshakes of TLS.
func (b *bench) handshakes() []load {
	var secured []form
	for _, f := range b.systems(1) {
		if f.secured&up.HopClients != 0 {
			secured = append(secured, form{name: f.name, start: f.start})
		}
	}
	return []load{{
		Name:  "handshakes",
		About: fmt.Sprintf("%d pairs, %g messages a second, while strangers begin %g handshakes a second; control: they begin them with a sink", b.Pairs, b.Rate, b.Handshakes),
		forms: secured,
		run:   b.besideHandshakes,
	}}
}

// phase is a part of the load handshakes.
type phase struct {
	name string
	node string // host:port with which strangers begin handshakes; empty: none
	sink bool   // node is a sink
}

func (b *bench) besideHandshakes(ctx context.Context, s system) ([]Figure, Check, error) {
	seats, err := b.seats(ctx, s, 2*b.Pairs)
	if err != nil {
		return nil, Check{}, err
	}
	t := newTalk(seats, b.Text, nil, true)
	t.next = len(seats) // no user asks first
	sink, err := b.startSink()
	if err != nil {
		return nil, Check{}, err
	}
	defer sink.Stop()
	if _, err := b.talk(ctx, s, t, seats); err != nil {
		return nil, Check{}, err
	}
	defer t.pool.Close()
	var figures []Figure
	for _, p := range []phase{{name: "quiet"}, {"control", sink.Address, true}, {"handshakes", seats[0].Address, false}} {
		more, err := b.inTime(ctx, s, t, p)
		if err != nil {
			return nil, Check{}, fmt.Errorf("%s: %w", p.name, err)
		}
		figures = append(figures, more...)
	}
	return figures, t.verdict(), nil
}

// inTime measures a phase until its timers were in time.
func (b *bench) inTime(ctx context.Context, s system, t *talk, p phase) ([]Figure, error) {
	for thrown := range mostThrown {
		figures, late, err := b.inPhase(ctx, s, t, p)
		if err != nil {
			return nil, err
		}
		if late <= b.MostLate {
			return append(figures, Figure{p.name + ": runs thrown away", unitCount, float64(thrown)}), nil
		}
		b.say("handshakes, %s: a timer was %v late, so this run is thrown away", p.name, late.Round(time.Millisecond))
	}
	return nil, fmt.Errorf("a timer was more than %v late, %d times in a row: the machine is too busy", b.MostLate, mostThrown)
}

func (b *bench) inPhase(ctx context.Context, s system, t *talk, p phase) ([]Figure, time.Duration, error) {
	end := func() (attack.Report, error) { return attack.Report{}, nil }
	if p.node != "" {
		command, err := b.child("attack")
		if err != nil {
			return nil, 0, err
		}
		g, err := attack.Start(ctx, command, attack.Plan{Node: p.node, Sink: p.sink, Handshakes: b.Handshakes, MostLate: time.Hour})
		if err != nil {
			return nil, 0, err
		}
		end = g.End
	}
	watch, err := startWatch(s.processes())
	if err != nil {
		return nil, 0, err
	}
	_, late, failed := b.openLoop(ctx, s, t, b.Rate)
	used, err := watch.read()
	report, ended := end()
	for _, err := range []error{failed, err, ended} {
		if err != nil {
			return nil, 0, err
		}
	}
	return phaseFigures(p, t, used, report), max(late, report.Late), nil
}

func phaseFigures(p phase, t *talk, used usage, report attack.Report) []Figure {
	figures := latency(p.name+": shown", t.toPeer)
	for _, name := range used.names {
		figures = append(figures, Figure{p.name + ": CPU of " + name, "%", 100 * per(used.cpu[name].Seconds(), used.took.Seconds())})
	}
	if p.node == "" {
		return figures
	}
	figures = append(figures, rate(p.name+": begun", report.Shakes.Tried, report.Took))
	if !p.sink {
		figures = append(figures, rate(p.name+": answered", report.Shakes.Ends["answered"], report.Took))
	}
	return figures
}

// startSink starts a process that never answers the handshakes that strangers begin with
// it.
func (b *bench) startSink() (*baseline.Process, error) {
	command, err := b.child("sink")
	if err != nil {
		return nil, err
	}
	return baseline.Start(command)
}

// child returns the command line of a process that the bench starts beside a cluster.
func (b *bench) child(name string) ([]string, error) {
	program := b.Program
	if program == nil {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find own program: %w", err)
		}
		program = []string{self}
	}
	return append(program[:len(program):len(program)], "bench", name), nil
}
