package record

import (
	"context"
	"time"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
)

const (
	// groupRest is how long a group without members is kept. In that time, former members
	// who are connected read the end of its log, because nodes reconcile twice per
	// minute.
	groupRest = time.Minute

	// allLogs is the key of the job that finds logs without a job. These are logs of an
	// earlier version, and logs whose jobs were lost in a failover.
	allLogs = "all"
)

// sweepShard spreads logs over the shards by their numbers.
func sweepShard(j queue.Job) queue.Shard {
	l, _ := logref.Parse(j.Key)
	return queue.ShardOf(l.User + l.Group)
}

// sweepLater schedules sweeps, due in ms milliseconds, for logs that are about to be
// made. It leaves out logs whose sweeps are scheduled already. From then on a log always
// has this job, so writes to the log need not schedule anything. It skips a log that has
// an error in errs, and puts new errors there.
func (s *Store) sweepLater(ctx context.Context, logs []logref.Ref, errs []error, ms int64) {
	now, err := s.Time(ctx)
	var jobs []queue.Job
	var of []int
	for i, l := range logs {
		if errs[i] == nil {
			errs[i] = err
		}
		if errs[i] == nil {
			jobs, of = append(jobs, queue.Job{Key: l.Tag(), Due: now + ms}), append(of, i)
		}
	}
	for j, err := range s.Put(ctx, queue.Sweeps, jobs, sweepShard, false) {
		errs[of[j]] = err
	}
}

// endEmpty schedules a sweep for each group whose last member has just left. The
// parameter ops has the answered ops of change.lua, which show that. If the scheduling
// fails, the group's regular sweep deletes the group later.
func (s *Store) endEmpty(ctx context.Context, answers []Changed, ops []*op.Op) {
	var jobs []queue.Job
	for i, a := range answers {
		if a.Err == nil && !a.Member && len(ops[i].Reply) > 7 && op.Integer(ops[i].Reply[7]) == 0 {
			jobs = append(jobs, queue.Job{Key: logref.Ref{Group: a.Group}.Tag(), Due: op.Integer(ops[i].Reply[6]) + groupRest.Milliseconds() + 1})
		}
	}
	for _, err := range s.Put(ctx, queue.Sweeps, jobs, sweepShard, true) {
		if err != nil {
			s.log.Warn("group without members is deleted later", "err", err)
		}
	}
}

// KeepSweeping schedules the search for logs without a job: logs of an earlier version,
// and logs whose jobs the store has lost. A caller that takes jobs of the kind Sweeps
// must call it from time to time.
func (s *Store) KeepSweeping(ctx context.Context) error {
	now, err := s.Time(ctx)
	if err != nil {
		return err
	}
	return s.Put(ctx, queue.Sweeps, []queue.Job{{Key: allLogs, Due: now}}, sweepShard, false)[0]
}
