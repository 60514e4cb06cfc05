package bench

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/attack"
)

// half returns the load in which users write to each other at half of the system's highest
// rate.
func (b *bench) half() []load {
	of := "of the rate at which they saturate"
	if b.HalfOf > 0 {
		of = fmt.Sprintf("of %g a second", b.HalfOf)
	}
	return []load{{
		Name:  "half",
		About: fmt.Sprintf("%d pairs, no message waits for another one, half %s", b.Pairs, of),
		forms: b.systems(1),
		run:   b.atHalf,
	}}
}

// mostThrown is how many measurements of one run are thrown away before there is no
// result.
const mostThrown = 20

// atHalf finds the highest rate. Then it measures at half of that rate, or of the rate in
// Config.HalfOf. It repeats that until the timers of a measurement were in time. All
// measurements use the same connections.
func (b *bench) atHalf(ctx context.Context, s system) ([]Figure, Check, error) {
	seats, err := b.seats(ctx, s, 2*b.Pairs)
	if err != nil {
		return nil, Check{}, err
	}
	t := newTalk(seats, b.Text, nil, true)
	used, err := b.talk(ctx, s, t, seats)
	if err != nil {
		return nil, Check{}, fmt.Errorf("find the highest rate: %w", err)
	}
	defer t.pool.Close()
	highest := rate("the highest rate", t.delivered, used.took)
	for thrown := range mostThrown {
		figures, late, err := b.openLoop(ctx, s, t, cmp.Or(b.HalfOf, highest.Value)/2)
		if err != nil {
			return nil, Check{}, err
		}
		if late <= b.MostLate {
			figures = append(figures, milliseconds("a timer was late", late), Figure{"runs thrown away", unitCount, float64(thrown)})
			return append([]Figure{highest}, figures...), t.verdict(), nil
		}
		b.say("half: a timer was %v late, so this run is thrown away", late.Round(time.Millisecond))
	}
	return nil, Check{}, fmt.Errorf("a timer was more than %v late, %d times in a row: the machine is too busy", b.MostLate, mostThrown)
}

// openLoop measures messages whose moments are fixed before. It also returns the largest
// delay of a timer in this process.
func (b *bench) openLoop(ctx context.Context, s system, t *talk, perSecond float64) ([]Figure, time.Duration, error) {
	steady := newPace(perSecond)
	t.pace, t.oneWay, t.next = &steady, true, 0
	timed := &punctualTalk{t, attack.NewPunctuality(b.MostLate)}
	stop := watchTimer(ctx, timed.timer)
	used, err := b.drive(ctx, s, t.pool, timed)
	stop()
	if err != nil {
		return nil, 0, err
	}
	figures := []Figure{rate("messages", t.delivered, used.took)}
	figures = append(figures, used.perEvent("a message", t.delivered)...)
	figures = append(figures, latency("shown", t.toPeer)...)
	return append(figures, typical("accepted", t.toStore)...), timed.timer.Late(), nil
}

// watchTimer watches a timer until the returned function is called.
func watchTimer(ctx context.Context, timer *attack.Punctuality) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		timer.Run(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// punctualTalk is a talk that begins to watch a timer when its measured time begins.
type punctualTalk struct {
	*talk
	timer *attack.Punctuality
}

func (t *punctualTalk) begin() {
	t.talk.begin()
	t.timer.Begin()
}
