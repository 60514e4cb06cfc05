package fault

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/cim-go/cim/proto/retry"
	"github.com/cim-go/cim/routefn/record/redistest"
)

type storePause struct{}

func (storePause) Name() string { return "store-pause" }
func (storePause) Story() string {
	return "the store stands still (SIGSTOP) with all connections open, and does late what it was sent meanwhile"
}
func (storePause) Hits() Class             { return Store }
func (storePause) Missing(w *World) string { return cmp.Or(w.noPause(), w.noServers()) }
func (storePause) Rhythm() Rhythm {
	return Rhythm{Every: Span{10 * time.Second, 20 * time.Second}, Lasts: Span{300 * time.Millisecond, 4 * time.Second}}
}

func (storePause) Inject(ctx context.Context, w *World, s Strike) (Wound, error) {
	return stutter(ctx, w, "redis paused", w.until(s), s.Lasts)
}

type storeSlow struct{}

func (storeSlow) Name() string { return "store-slow" }
func (storeSlow) Story() string {
	return "the store gets a tenth of its time: it stands still (SIGSTOP) for 45 ms of 50"
}
func (storeSlow) Hits() Class             { return Store }
func (storeSlow) Missing(w *World) string { return storePause{}.Missing(w) }
func (storeSlow) Rhythm() Rhythm {
	return Rhythm{Every: Span{10 * time.Second, 20 * time.Second}, Lasts: Span{time.Second, 6 * time.Second}}
}

// The lengths of a slow store's pauses, and of the times between them.
const (
	slowStill = 45 * time.Millisecond
	slowRuns  = 5 * time.Millisecond
)

func (storeSlow) Inject(ctx context.Context, w *World, s Strike) (Wound, error) {
	return stutter(ctx, w, "redis slow", slowStill, s.Lasts)
}

// stutter pauses the primaries again and again, and lets them run for short times in
// between. It ends when the strike's time is over.
func stutter(ctx context.Context, w *World, what string, still, lasts time.Duration) (Wound, error) {
	servers, err := w.cluster.Primaries(ctx)
	if err != nil {
		return Wound{}, err
	}
	end := time.Now().Add(lasts)
	return Wound{What: what, Heal: during(ctx, func(ctx context.Context) error {
		for on := true; on && time.Now().Before(end); on = on && retry.Sleep(ctx, slowRuns) {
			if err := each(servers, (*redistest.Server).Pause); err != nil {
				return errors.Join(err, each(servers, (*redistest.Server).Resume))
			}
			on = retry.Sleep(ctx, still)
			if err := each(servers, (*redistest.Server).Resume); err != nil {
				return err
			}
			if still > slowStill {
				return nil // the end of the pause heals the store
			}
		}
		return nil
	})}, nil
}

func each(servers []*redistest.Server, do func(*redistest.Server) error) error {
	var errs error
	for _, s := range servers {
		errs = errors.Join(errs, do(s))
	}
	return errs
}
