package delayed

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"github.com/cim-go/cim/routefn/push"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/queue"
)

const (
	// workBatch bounds the jobs that are taken at a time, and workTime bounds the time for
	// jobs in one run. A message that becomes due meanwhile is late by up to workTime.
	workBatch = 100
	workTime  = 200 * time.Millisecond
	// eraseBatch bounds the accounts that are erased at a time. One account takes some 20
	// ms.
	eraseBatch = 5
)

// workObserver counts jobs.
type workObserver interface {
	WorkEnded(kind queue.Kind, verdict queue.Verdict)
}

// A worker does the jobs in the store's work queue that are not delayed messages, a few
// per run. One goroutine at a time uses it, see Sender.Run.
type worker struct {
	store    *record.Store
	pusher   *push.Pusher
	log      *slog.Logger
	observer workObserver
	onErased func(user int64)

	notBefore time.Time // no job is due earlier
}

// The method do works for workTime at most, and reports whether more jobs are due. If the
// store fails, do logs that, and a later run continues.
func (w *worker) do(ctx context.Context) (more bool) {
	if time.Now().Before(w.notBefore) {
		return false
	}
	wait := AskLatest
	for _, part := range []func(context.Context) (bool, time.Duration, error){w.erase, w.sweep} {
		again, next, err := part(ctx)
		if err != nil {
			w.log.Warn("work is left for later", "err", err)
			next = askAgain
		}
		more, wait = more || again, min(wait, nextAsk(next))
	}
	w.notBefore = time.Now().Add(wait)
	return more
}

// erase continues the erasures of accounts, and pushes to others that the erased users
// have left groups.
func (w *worker) erase(ctx context.Context) (more bool, next time.Duration, err error) {
	return w.jobs(ctx, queue.Erasures, eraseBatch, func(ctx context.Context, jobs []queue.Job) []queue.Ending {
		out := w.pusher.Begin()
		defer out.Send()
		endings := make([]queue.Ending, len(jobs))
		for i, j := range jobs {
			ending, left, user := w.store.Erase(ctx, j)
			for k := range left {
				out.Announce(&left[k])
			}
			if endings[i] = ending; user != 0 {
				w.onErased(user)
			}
		}
		return endings
	})
}

func (w *worker) sweep(ctx context.Context) (more bool, next time.Duration, err error) {
	if err := w.store.KeepSweeping(ctx); err != nil {
		return false, 0, err
	}
	return w.jobs(ctx, queue.Sweeps, workBatch, w.store.Sweep)
}

// The method jobs does the due jobs of one kind. It passes jobs to the function do. The
// parameter batch is the largest number of jobs that it passes at a time. The result more
// is true if workTime was too short for all of them. If it is false, the result next is
// the time until more jobs are due, or negative if no job waits. It takes the shards in
// random order, so that several routes begin at different ones.
func (w *worker) jobs(ctx context.Context, kind queue.Kind, batch int, do func(context.Context, []queue.Job) []queue.Ending) (more bool, next time.Duration, err error) {
	due, next, err := w.store.Due(ctx, kind)
	if err != nil || len(due) == 0 {
		return false, next, err
	}
	end := time.Now().Add(workTime)
	mathrand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	holder := rand.Text()
	for _, shard := range due {
		for time.Now().Before(end) {
			jobs, err := w.store.TakeJobs(ctx, kind, shard, holder, batch)
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
		next = askAgain // another route has these jobs
	}
	return false, next, err
}

// end records in the store how jobs ended. It counts them, and logs those that failed too
// often.
func (w *worker) end(ctx context.Context, kind queue.Kind, shard int, endings []queue.Ending) error {
	verdicts, err := w.store.EndJobs(ctx, kind, shard, endings)
	for i, v := range verdicts {
		w.observer.WorkEnded(kind, v)
		if v == queue.Dead {
			w.log.Error("job failed too often and is a dead letter", "kind", string(kind), "key", endings[i].Key)
		}
	}
	return err
}
