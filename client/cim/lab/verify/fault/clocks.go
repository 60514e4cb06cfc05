package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto/retry"
)

// offsets are the errors of clocks, in turn. The first error is longer than the time for
// which a log is kept. The second is longer than the time for which a ticket is valid. The
// third is as small as the usual error between hosts with correct clocks.
var offsets = []time.Duration{
	125 * time.Second, -150 * time.Second, 15 * 24 * time.Hour, -15 * 24 * time.Hour, 2 * time.Second, -2 * time.Second,
}

// clockRhythm makes all offsets happen within half a minute.
var clockRhythm = Rhythm{Every: Span{3 * time.Second, 6 * time.Second}, Lasts: Span{1500 * time.Millisecond, 5 * time.Second}}

type clockRoute struct{}

func (clockRoute) Name() string { return "clock-route" }
func (clockRoute) Story() string {
	return "a route's clock jumps, by 2 s to 15 days forwards or backwards, at times further in the middle, and back"
}
func (clockRoute) Hits() Class             { return RouteClocks }
func (clockRoute) Missing(w *World) string { return routeKill{}.Missing(w) }
func (clockRoute) Rhythm() Rhythm          { return clockRhythm }
func (clockRoute) Inject(ctx context.Context, w *World, s Strike) (Wound, error) {
	return jump(ctx, w.cluster.Routes()[s.Target], s)
}

type clockNode struct{}

func (clockNode) Name() string { return "clock-node" }
func (clockNode) Story() string {
	return "a node's clock jumps, by 2 s to 15 days forwards or backwards, at times further in the middle, and back"
}
func (clockNode) Hits() Class           { return NodeClocks }
func (clockNode) Missing(*World) string { return "" }
func (clockNode) Rhythm() Rhythm        { return clockRhythm }
func (clockNode) Inject(ctx context.Context, w *World, s Strike) (Wound, error) {
	return jump(ctx, w.seats[s.Target].current().Process, s)
}

// stepping is the percentage of wrong clocks that jump a second time before they are
// healed.
const stepping = 50

// jump sets the clock of a process wrong. Healing sets it right again.
func jump(ctx context.Context, p *up.Process, s Strike) (Wound, error) {
	offset := offsets[s.Turn%len(offsets)]
	what := fmt.Sprintf("%s's clock off by %v", p.Name, offset)
	if err := p.SetClock(offset); err != nil {
		return Wound{}, err
	}
	steps := func(context.Context) error { return nil }
	if s.percent(1, stepping) {
		next := offsets[(s.Turn+1)%len(offsets)]
		what += fmt.Sprintf(", then by %v", next)
		steps = during(ctx, func(ctx context.Context) error {
			if !retry.Sleep(ctx, s.Lasts/2) {
				return nil
			}
			return p.SetClock(next)
		})
	}
	return Wound{What: what, Heal: func(ctx context.Context) error { return errors.Join(steps(ctx), p.SetClock(0)) }}, nil
}
