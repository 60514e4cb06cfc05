package record

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// groupRest is how long a group is kept without members. A connected former member has
	// read the end by then, since nodes reconcile twice a minute.
	groupRest = time.Minute
	// endedFor is how long the store remembers which request made a group that has
	// ended.
	endedFor = 24 * time.Hour
	// A log is swept at most sweepParts times within Retention.Age. With the default
	// age, that is once per day for a busy log. So an entry is kept for at most a day
	// more than its age.
	sweepParts = 14

	// sweepAgain is when to try again if the server of a log is away.
	sweepAgain = time.Minute

	// allLogs is the key of the job that finds logs without a job: those of an
	// earlier version, and those whose jobs were lost in a failover.
	allLogs = "all"
	// listFor and listCount bound one step of that search. The store takes half a
	// millisecond to list so many keys.
	listFor   = 50 * time.Millisecond
	listCount = 1000
)

// sweepShard spreads logs over the shards by their numbers.
func sweepShard(j Job) shardRef {
	l, _ := parseTag(j.Key)
	return shardOf(l.user + l.group)
}

// parseTag reads what logRef.tag returns. It returns false if the tag has another
// form.
func parseTag(tag string) (logRef, bool) {
	digits, group := strings.CutPrefix(tag, "g")
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case err != nil || n <= 0:
		return logRef{}, false
	case group:
		return logRef{group: n}, true
	default:
		return logRef{user: n}, true
	}
}

// sweepLater schedules sweeps for logs that are about to be made, ms from now, unless
// their sweep is scheduled already. A log always has this job, so later writes to it
// need no further step. Errors go to the entries of errs that have none yet.
func (s *Store) sweepLater(ctx context.Context, logs []logRef, errs []error, ms int64) {
	now, err := s.now(ctx)
	var jobs []Job
	var of []int
	for i, l := range logs {
		if errs[i] == nil {
			errs[i] = err
		}
		if errs[i] == nil {
			jobs, of = append(jobs, Job{Key: l.tag(), Due: now + ms}), append(of, i)
		}
	}
	for j, err := range s.putJobs(ctx, Sweeps, jobs, sweepShard, false) {
		errs[of[j]] = err
	}
}

// endEmpty schedules a sweep for each group whose last member has just left. If the
// schedule is lost, the group's regular sweep deletes it later.
func (s *Store) endEmpty(ctx context.Context, answers []Changed, ops []*op) {
	var jobs []Job
	for i, a := range answers {
		if a.Err == nil && !a.Member && len(ops[i].reply) > 7 && integer(ops[i].reply[7]) == 0 {
			jobs = append(jobs, Job{Key: logRef{group: a.Group}.tag(), Due: integer(ops[i].reply[6]) + groupRest.Milliseconds() + 1})
		}
	}
	for _, err := range s.putJobs(ctx, Sweeps, jobs, sweepShard, true) {
		if err != nil {
			s.log.Warn("group without members is deleted later", "err", err)
		}
	}
}

// KeepSweeping schedules the search for logs without a job: those of an earlier
// version, and those whose jobs the store has lost. A caller that takes Sweeps calls
// it now and then.
func (s *Store) KeepSweeping(ctx context.Context) error {
	now, err := s.now(ctx)
	if err != nil {
		return err
	}
	return s.putJobs(ctx, Sweeps, []Job{{Key: allLogs, Due: now}}, sweepShard, false)[0]
}

// Sweep does jobs of the kind Sweeps. It shortens a log to its retention by age, even
// if there are no writes to it. If the newest entry is too old, only its key, number
// and time remain. A group that has had no members for a minute is deleted. Each log is
// swept again when its oldest entry is too old.
func (s *Store) Sweep(ctx context.Context, jobs []Job) []Ending {
	endings := make([]Ending, len(jobs))
	var logs []logRef
	var of []int
	for i, j := range jobs {
		l, ok := parseTag(j.Key)
		switch {
		case ok:
			logs, of = append(logs, l), append(of, i)
		case j.Key == allLogs:
			endings[i] = s.findLogs(ctx, j)
		default:
			s.log.Error("job cannot be read", "kind", j.Kind, "key", j.Key)
			endings[i] = j.End(Failed)
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

// swept has the time at which a log is to be swept again, or records that it is gone.
type swept struct {
	verdict Verdict
	due     int64
}

// sweep sweeps logs, in one pipeline per server. A second pipeline is for groups, and
// for logs of which only the newest entry is left.
func (s *Store) sweep(ctx context.Context, logs []logRef) []swept {
	list := make([]swept, len(logs))
	now, err := s.now(ctx)
	if err != nil {
		for i := range list {
			list[i].verdict = Failed
		}
		return list
	}
	other := s.clock.earliest()
	trims := make([]*op, len(logs))
	for i, l := range logs {
		trims[i] = l.script(trimScript, s.retention.Count, s.retention.Age, other, trimLook)
	}
	s.run(ctx, "sweep", trims...)
	var rest []*op
	var of []int
	for i, l := range logs {
		o := trims[i]
		if o.err == nil {
			list[i] = s.sweptAt(now, integer(o.reply[3]), integer(o.reply[1]))
		}
		if o.err != nil || !l.closed() && integer(o.reply[2]) > 1 {
			continue
		}
		last := l.script(sweepScript, s.retention.Age, other, groupRest.Milliseconds(), endedFor.Milliseconds())
		if l.closed() {
			last.keys = append(last.keys, l.members(), l.leases(), l.end(), l.imported())
		}
		rest, of = append(rest, last), append(of, i)
	}
	s.run(ctx, "sweep", rest...)
	for k, o := range rest {
		i := of[k]
		switch {
		case o.err != nil:
			trims[i] = o
		case text(o.reply[0]) == "gone":
			list[i] = swept{verdict: Done}
		case text(o.reply[1]) == "0" && integer(trims[i].reply[2]) == 1: // nothing in it gets too old
			list[i] = swept{Again, now + s.retention.Age}
		}
		if o.err == nil && text(o.reply[0]) == "ok" && text(o.reply[2]) == "1" {
			list[i].due = min(list[i].due, now+groupRest.Milliseconds())
		}
	}
	for i, o := range trims {
		if o.err != nil {
			s.log.Warn("log was not swept", "key", o.key, "err", o.err)
			list[i] = swept{verdict: Failed}
			if errors.Is(o.err, ErrUnavailable) { // which is no fault of the log
				list[i] = swept{Again, now + sweepAgain.Milliseconds()}
			}
		}
	}
	return list
}

// sweptAt returns when a log is to be swept again. That depends on the time of its
// oldest entry and on how many entries it has just lost. It is now if one sweep could
// not remove more.
func (s *Store) sweptAt(now, oldest, lost int64) swept {
	age := s.retention.Age
	if lost >= trimLook {
		return swept{Again, now}
	}
	return swept{Again, min(max(oldest+age+1, now+age/sweepParts), now+age)}
}

// findLogs continues the search for logs without a job, some thousand keys at a time.
// It starts over Retention.Age after it reached the end. No request waits for it.
func (s *Store) findLogs(ctx context.Context, j Job) Ending {
	e := j.End(Again)
	now, err := s.now(ctx)
	if err == nil {
		e.Payload, err = s.search(ctx, j.Payload, now)
	}
	switch {
	case err != nil:
		s.log.Warn("logs are searched for later", "err", err)
		return j.End(Failed)
	case e.Payload == searched:
		e.Due = now + s.retention.Age
	default:
		e.Due = now
	}
	return e
}

// searched is the place behind the last key of the last server.
const searched = "end"

// search continues from a place and returns the place that it reached. A place is "hash
// of the masters, number of the master, cursor". If the masters have changed since, by
// a failover or because there are more, it starts over.
func (s *Store) search(ctx context.Context, place string, now int64) (string, error) {
	masters, err := s.masters(ctx)
	if err != nil {
		return place, err
	}
	hash := fnv.New64a()
	for _, m := range masters {
		fmt.Fprintln(hash, m.Options().Addr)
	}
	which := strconv.FormatUint(hash.Sum64(), 16)
	var before string
	var i int
	var cursor uint64
	if n, _ := fmt.Sscan(place, &before, &i, &cursor); n != 3 || before != which {
		i, cursor = 0, 0
	}
	for end := time.Now().Add(listFor); i < len(masters) && time.Now().Before(end); {
		var keys []string
		keys, cursor, err = masters[i].Scan(ctx, cursor, "cim:{*}:l", listCount).Result()
		if err != nil {
			return place, fmt.Errorf("search for logs: %w", classify(err, false))
		}
		if err := s.found(ctx, keys, now); err != nil {
			return place, err
		}
		if cursor == 0 {
			i++
		}
	}
	if i >= len(masters) {
		return searched, nil
	}
	return fmt.Sprintf("%s %d %d", which, i, cursor), nil
}

// found schedules a sweep now for each log that has none scheduled.
func (s *Store) found(ctx context.Context, keys []string, now int64) error {
	var jobs []Job
	for _, key := range keys {
		tag := strings.TrimSuffix(strings.TrimPrefix(key, "cim:{"), "}:l")
		if l, ok := parseTag(tag); ok && l.list() == key {
			jobs = append(jobs, Job{Key: tag, Due: now})
		}
	}
	for _, err := range s.putJobs(ctx, Sweeps, jobs, sweepShard, false) {
		if err != nil {
			return err
		}
	}
	return nil
}

// masters returns the clients of all masters, by their addresses.
func (s *Store) masters(ctx context.Context) ([]*redis.Client, error) {
	var mu sync.Mutex
	var list []*redis.Client
	err := s.topology.each(ctx, func(_ context.Context, c *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		list = append(list, c)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("name the masters: %w", classify(err, false))
	}
	slices.SortFunc(list, func(a, b *redis.Client) int { return strings.Compare(a.Options().Addr, b.Options().Addr) })
	return list, nil
}
