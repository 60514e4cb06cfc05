package routefn

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"github.com/cim-go/cim/routefn/record"
)

// worker does what waits in the store's work queue beside delayed messages, a little
// each time a node asks what is due: a route has no goroutine of its own. Whoever asks
// does so one at a time, see looks.
type worker struct {
	store   *record.Store
	log     *slog.Logger
	metrics *metrics

	at time.Time // nothing is due before
}

// do works for workTime at most, and reports whether more is due. What fails is done
// another time, and what becomes due when it is asked again, at the latest in askLatest.
func (w *worker) do(ctx context.Context) (more bool) {
	if time.Now().Before(w.at) {
		return false
	}
	more, next, err := w.sweeps(ctx)
	if err != nil {
		w.log.Warn("work is left for later", "err", err)
		next = askAgain
	}
	w.at = time.Now().Add(nextAsk(next))
	return more
}

func (w *worker) sweeps(ctx context.Context) (more bool, next time.Duration, err error) {
	if err := w.store.KeepSweeping(ctx); err != nil {
		return false, 0, err
	}
	return w.kind(ctx, record.Sweeps, w.store.Sweep)
}

// kind has jobs of one kind done. It reports whether there was too little time, and
// how soon more are due otherwise; negative: none waits.
func (w *worker) kind(ctx context.Context, kind record.Kind, do func(context.Context, []record.Job) []record.Ending) (more bool, next time.Duration, err error) {
	due, next, err := w.store.Due(ctx, kind)
	if err != nil || len(due) == 0 {
		return false, next, err
	}
	end := time.Now().Add(workTime)
	// Several routes begin at different shards.
	mathrand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	holder := rand.Text()
	for _, shard := range due {
		for time.Now().Before(end) {
			jobs, err := w.store.TakeJobs(ctx, kind, shard, holder, workBatch)
			if errors.Is(err, record.ErrHeld) || err == nil && len(jobs) == 0 {
				break
			}
			if err == nil {
				err = w.end(ctx, kind, shard, do(ctx, jobs))
			}
			if err != nil {
				return false, 0, err
			}
		}
		if !time.Now().Before(end) {
			if _, err := w.store.TakeJobs(ctx, kind, shard, holder, 0); err != nil {
				w.log.Debug("shard stays leased", "err", err)
			}
			return true, askSoonest, nil
		}
	}
	if due, next, err = w.store.Due(ctx, kind); len(due) > 0 {
		next = askAgain // somebody else does them
	}
	return false, next, err
}

// end ends jobs, counts them and tells of dead letters.
func (w *worker) end(ctx context.Context, kind record.Kind, shard int, endings []record.Ending) error {
	verdicts, err := w.store.EndJobs(ctx, kind, shard, endings)
	for i, v := range verdicts {
		w.metrics.work.WithLabelValues(string(kind), string(v)).Inc()
		if v == record.Dead {
			w.log.Error("job failed too often and is a dead letter", "kind", string(kind), "key", endings[i].Key)
		}
	}
	return err
}
