package record

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
	"github.com/cim-go/cim/routefn/record/scan"
)

const (
	// endedFor is how long the store remembers the request that made a group, after the
	// group has ended.
	endedFor = 24 * time.Hour
	// sweepParts bounds how often a log is swept within Retention.Age. With the default
	// age, a busy log is swept once per day. So an entry is kept for at most one day more
	// than Retention.Age.
	sweepParts = 14

	// sweepAgain is the time until another try if the server of a log is away.
	sweepAgain = time.Minute

	// listFor bounds one step of the search for logs without a job.
	listFor = 50 * time.Millisecond
)

// Sweep does jobs of the kind Sweeps, and returns how each one ended. It shortens logs
// to their retention, even if nobody writes to them. If the newest entry of a log is
// too old, only its key, number and time remain. A group that has had no members for a
// minute is deleted. The next sweep of a log is due when its oldest entry will be too
// old.
func (s *Store) Sweep(ctx context.Context, jobs []queue.Job) []queue.Ending {
	endings := make([]queue.Ending, len(jobs))
	var logs []logref.Ref
	var of []int
	for i, j := range jobs {
		l, ok := logref.Parse(j.Key)
		switch {
		case ok:
			logs, of = append(logs, l), append(of, i)
		case j.Key == allLogs:
			endings[i] = s.findLogs(ctx, j)
		default:
			s.log.Error("job cannot be read", "kind", j.Kind, "key", j.Key)
			endings[i] = j.End(queue.Failed)
		}
	}
	for k, next := range s.sweep(ctx, logs) {
		j := jobs[of[k]]
		e := j.End(next.verdict)
		e.Due = next.due
		endings[of[k]] = e
	}
	return endings
}

// swept is the result of sweeping one log. The field due is when the log must be swept
// again. If the log is gone, the field verdict is Done.
type swept struct {
	verdict queue.Verdict
	due     int64
}

// sweep sweeps logs. It trims all of them by trim.lua. Then it runs sweep.lua on groups,
// and on logs of which only the newest entry is left.
func (s *Store) sweep(ctx context.Context, logs []logref.Ref) []swept {
	list := make([]swept, len(logs))
	now, err := s.Time(ctx)
	if err != nil {
		for i := range list {
			list[i].verdict = queue.Failed
		}
		return list
	}
	other := s.Times.Earliest()
	trims := make([]*op.Op, len(logs))
	for i, l := range logs {
		trims[i] = s.trimming(l)
	}
	s.Run(ctx, "sweep", trims...)
	var rest []*op.Op
	var of []int
	for i, l := range logs {
		o := trims[i]
		s.unfetched.observe(o)
		if o.Err == nil {
			list[i] = s.sweptAt(now, op.Integer(o.Reply[3]), op.Integer(o.Reply[1]))
		}
		if o.Err != nil || !l.Closed() && op.Integer(o.Reply[2]) > 1 {
			continue
		}
		last := l.Script(sweepScript, s.retention.Age, other, groupRest.Milliseconds(), endedFor.Milliseconds())
		if l.Closed() {
			last.Keys = append(last.Keys, l.Members(), l.Leases(), l.End(), l.Imported())
		}
		rest, of = append(rest, last), append(of, i)
	}
	s.Run(ctx, "sweep", rest...)
	for k, o := range rest {
		i := of[k]
		switch {
		case o.Err != nil:
			trims[i] = o
		case op.Text(o.Reply[0]) == "gone":
			list[i] = swept{verdict: queue.Done}
		case op.Text(o.Reply[1]) == "0" && op.Integer(trims[i].Reply[2]) == 1: // the log has no entry that can get too old
			list[i] = swept{queue.Again, now + s.retention.Age}
		}
		if o.Err == nil && op.Text(o.Reply[0]) == "ok" && op.Text(o.Reply[2]) == "1" {
			list[i].due = min(list[i].due, now+groupRest.Milliseconds())
		}
		if o.Err == nil && op.Text(o.Reply[0]) == "ok" && op.Text(o.Reply[3]) == "1" {
			s.refill(ctx, logs[i].Group)
			list[i].due = min(list[i].due, now+groupRest.Milliseconds())
		}
	}
	for i, o := range trims {
		if o.Err != nil {
			s.log.Warn("log was not swept", "key", o.Key, "err", o.Err)
			list[i] = swept{verdict: queue.Failed}
			if errors.Is(o.Err, ErrUnavailable) { // the server is away, which is not the log's fault
				list[i] = swept{queue.Again, now + sweepAgain.Milliseconds()}
			}
		}
	}
	return list
}

// sweptAt returns when a log must be swept again. The parameter oldest is the time of its
// oldest entry, and lost is how many entries this sweep has removed. If lost is the most
// that one sweep can remove, the log must be swept again now.
func (s *Store) sweptAt(now, oldest, lost int64) swept {
	age := s.retention.Age
	if lost >= trimLook {
		return swept{queue.Again, now}
	}
	return swept{queue.Again, min(max(oldest+age+1, now+age/sweepParts), now+age)}
}

// findLogs does one step of the search for logs without a job, over some thousand keys.
// When the search has reached the end, it pauses for Retention.Age and starts over. No
// request waits for it.
func (s *Store) findLogs(ctx context.Context, j queue.Job) queue.Ending {
	e := j.End(queue.Again)
	now, err := s.Time(ctx)
	if err == nil {
		found := func(keys []string) error { return s.found(ctx, keys, now) }
		e.Payload, err = scan.Step(ctx, s.Topology, j.Payload, "cim:{*}:l", listFor, found)
	}
	switch {
	case err != nil:
		s.log.Warn("logs are searched for later", "err", err)
		return j.End(queue.Failed)
	case e.Payload == scan.End:
		e.Due = now + s.retention.Age
	default:
		e.Due = now
	}
	return e
}

// The method found schedules a sweep for each log among keys, unless the log has one
// scheduled. The sweep is due now.
func (s *Store) found(ctx context.Context, keys []string, now int64) error {
	var jobs []queue.Job
	for _, key := range keys {
		tag := strings.TrimSuffix(strings.TrimPrefix(key, "cim:{"), "}:l")
		if l, ok := logref.Parse(tag); ok && l.List() == key {
			jobs = append(jobs, queue.Job{Key: tag, Due: now})
		}
	}
	for _, err := range s.Put(ctx, queue.Sweeps, jobs, sweepShard, false) {
		if err != nil {
			return err
		}
	}
	return nil
}
