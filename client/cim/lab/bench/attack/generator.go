package attack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/cim-go/cim/proto/retry"
)

// generator carries out one Plan.
type generator struct {
	Plan
	all     sync.WaitGroup
	timer   *Punctuality
	bodies  counter
	frames  counter
	guesses counter
	flood   counter
	posts   counter
	shakes  counter
}

// ready is what a generator writes when the whole attack is under way.
const ready = "ready"

// Serve does all the work of a generator's process. It blocks until the input in ends, or
// until its timer is later than the Plan allows.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	g := new(generator)
	if err := json.NewDecoder(in).Decode(&g.Plan); err != nil {
		return fmt.Errorf("read plan: %w", err)
	}
	g.timer = NewPunctuality(g.MostLate)
	ctx, cancel := context.WithCancel(ctx)
	defer g.all.Wait()
	defer cancel()
	if err := g.start(ctx); err != nil {
		return err
	}
	retry.Sleep(ctx, g.Renew) // after this time each connection has been made once
	begun := g.begin()
	if _, err := fmt.Fprintln(out, ready); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	g.wait(in)
	return json.NewEncoder(out).Encode(g.report(begun))
}

// wait blocks until the input in ends, or the timer is too late.
func (g *generator) wait(in io.Reader) {
	ended := make(chan struct{})
	go func() { // ends with the input or with the process
		defer close(ended)
		_, _ = io.Copy(io.Discard, in) // an error ends the attack, too
	}()
	select {
	case <-ended:
	case <-g.timer.Over():
	}
}

func (g *generator) start(ctx context.Context) error {
	g.all.Go(func() { g.timer.Run(ctx) })
	g.holdAll(ctx)
	g.guessAll(ctx)
	g.shakeAll(ctx)
	return g.floodAll(ctx)
}

// begin starts the counts.
func (g *generator) begin() time.Time {
	for _, c := range []*counter{&g.bodies, &g.frames, &g.guesses, &g.flood, &g.posts, &g.shakes} {
		c.begin()
	}
	g.timer.Begin()
	return time.Now()
}

func (g *generator) report(begun time.Time) Report {
	return Report{
		Took: time.Since(begun), Late: g.timer.Late(),
		Bodies: g.bodies.outcomes(), Frames: g.frames.outcomes(), Guesses: g.guesses.outcomes(), Flood: g.flood.outcomes(),
		Posts: g.posts.outcomes(), Shakes: g.shakes.outcomes(),
	}
}
