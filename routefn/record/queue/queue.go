package queue

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cim-go/cim/routefn/record/op"
)

// ErrHeld is returned by TakeJobs and TakeMessages while another holder has the lease of
// the shard.
var ErrHeld = errors.New("shard is held by another")

// Lua has the files that scripts of other packages use, too.
//
//go:embed lua/*.lua
var Lua embed.FS

var (
	library    = op.Library{Lua, op.Lua}
	takeScript = library.Load("clock", "job", "take")
	endScript  = library.Load("clock", "job", "end")
)

// Queue has the jobs of all kinds. It is safe for concurrent use.
type Queue struct{ db *op.DB }

// New returns the queue in the store of db.
func New(db *op.DB) *Queue { return &Queue{db} }

// Kind is the kind of a job. Each kind has shards of its own, so that many jobs of one
// kind do not delay jobs of another.
type Kind string

const (
	// Messages is the kind of delayed messages, see Schedule. Unlike other jobs, they
	// may be cancelled, and their sender may look up how they ended.
	Messages Kind = "message"
	// Sweeps is the kind of jobs that bring logs within their retention, see Sweep.
	Sweeps Kind = "sweep"
	// Erasures is the kind of jobs that remove what is left of accounts, see Erase.
	Erasures Kind = "erase"
)

const (
	// failuresMost is how often in a row a job may fail before it becomes a dead letter.
	// With the pauses below, that takes some six hours.
	failuresMost = 12
	// firstFailure is the pause after the first failure. The pause doubles with each
	// further one, up to longestFailure.
	firstFailure   = 10 * time.Second
	longestFailure = time.Hour
)

const (
	// shards is the number of shards. They spread the work over the routes, and over the
	// masters of a Cluster. A server needs some 50 us to answer what is due in all
	// shards. The number must never change, because jobs that were queued under another
	// number would not be found.
	shards = 32

	// holdTime is how long the lease of a shard lasts. If the route that has the lease
	// dies, due jobs of the shard wait until the lease ends.
	holdTime = 10 * time.Second
)

// Shard is the number of a shard, from 0 to 31.
type Shard int

// ShardOf returns the shard for the number of a user or a group. Jobs of one
// shard are done in order.
func ShardOf(number int64) Shard { return Shard(number % shards) }

// Key returns a key of the shard. The parameter name is the last part of the key. All
// keys of a shard are in one slot.
func (r Shard) Key(name string) string { return "cim:{d" + strconv.Itoa(int(r)) + "}:" + name }

// lookAgain is the longest time until the next call of Due if a shard did not answer.
const lookAgain = time.Second

// Job is work that is due at a time. It is done at least once: if the process that took
// the job dies before it has called EndJobs, another process takes the job again.
type Job struct {
	Kind     Kind
	Key      string // the object of the work; at most one job of a kind and key waits
	Due      int64  // ms since 1970, by the clock of its shard
	Payload  string // how far the work has come, if it is done in several parts; empty at first
	Failures int    // how often in a row the job has failed so far

	// Taken is when a delayed message was first taken, in ms by the store's clock; zero: it
	// was not taken yet, or the job is of another kind.
	Taken int64
}

// Verdict says what becomes of a job that was taken.
type Verdict string

// The verdicts. A job that was brought forward while it was being done keeps its new
// time, and its verdict becomes Left.
const (
	Done   Verdict = "done"
	Again  Verdict = "again" // the job is to be done again at Due, with Payload
	Failed Verdict = "failed"
	Dead   Verdict = "dead" // only returned by EndJobs: the job has failed too often in a row
	Left   Verdict = "left" // only returned by EndJobs: the job was changed or ended since it was taken, so nothing was done to it
)

// Ending is how a job ended.
type Ending struct {
	Job
	Verdict Verdict
	was     int64 // the field Due as it was when the job was taken
}

// End returns an Ending that says how j ended. If v is Again, the caller may then
// change Due and Payload in the Ending.
func (j Job) End(v Verdict) Ending { return Ending{Job: j, Verdict: v, was: j.Due} }

// queueRef names the jobs of one kind in one shard.
type queueRef struct {
	kind  Kind
	shard Shard
}

// key returns a key of the queue. The parameter name is the last part of the key. The
// keys of delayed messages do not contain the kind, because the first version had no
// kinds.
func (q queueRef) key(name string) string {
	if q.kind == Messages {
		return q.shard.Key(name)
	}
	return q.shard.Key(string(q.kind) + ":" + name)
}

func (q queueRef) due() string   { return q.key("due") }
func (q queueRef) jobs() string  { return q.key("m") }
func (q queueRef) lease() string { return q.key("lease") }
func (q queueRef) dead() string  { return q.key("dead") }

// Due returns the shards in which jobs of a kind are due. The result next is the time
// until a job in another shard is due, or negative if there is none. Due only reads,
// with one small command per shard. It leaves out shards that do not answer, and then
// next is at most a second. If no shard answers, the error is ErrUnavailable.
func (w *Queue) Due(ctx context.Context, kind Kind) (due []int, next time.Duration, err error) {
	firsts, clocks := make([]*op.Op, shards), make([]*op.Op, shards)
	for i := range shards {
		key := queueRef{kind, Shard(i)}.due()
		firsts[i] = op.Read(key, []any{"zrange", key, 0, 0, "withscores"})
		clocks[i] = clocks[0]
		if i == 0 || !w.db.Topology.Single() {
			clocks[i] = op.Read(key, []any{"time"})
		}
	}
	w.db.Run(ctx, "due", append(firsts, slices.Compact(slices.Clone(clocks))...)...)
	next, answers := -1, 0
	for i, o := range firsts {
		if err = cmp.Or(o.Err, clocks[i].Err); err != nil {
			continue
		}
		answers++
		first := op.ScoredList(o.Reply[0])
		if len(first) == 0 {
			continue
		}
		wait := time.Duration(int64(first[0].Score)-op.ClockMs(clocks[i].Reply[0])) * time.Millisecond
		switch {
		case wait <= 0:
			due = append(due, i)
		case next < 0 || wait < next:
			next = wait
		}
	}
	switch {
	case answers == 0:
		return nil, -1, fmt.Errorf("look for due jobs: %w", err)
	case answers < shards && (next < 0 || next > lookAgain):
		next = lookAgain
	}
	return due, next, nil
}

// TakeJobs takes due jobs of a shard, in their order, and at most as many as limit says.
// It takes or renews the shard's lease for the holder. For ten seconds no other holder
// can take jobs of the shard. Each call takes the same jobs again, until EndJobs ends
// them. If limit is zero, or no job is due, TakeJobs releases the lease.
//
// The errors are ErrHeld while another holder has the lease, ErrUnavailable and
// ErrUnknown.
func (w *Queue) TakeJobs(ctx context.Context, kind Kind, shard int, holder string, limit int) ([]Job, error) {
	jobs, _, err := w.take(ctx, queueRef{kind, Shard(shard)}, holder, 0, limit, "")
	return jobs, err
}

// TakeMessages does what TakeJobs does, for delayed messages. The parameter skip is how
// many of the first messages it leaves out. The parameter now is the store's time in ms.
// It is stored with each message that is taken for the first time. The result shardTime
// is the time by the shard's clock. After a call without an error, as many replicas as
// Config.Replicas says have these writes.
func (w *Queue) TakeMessages(ctx context.Context, shard int, holder string, skip, limit int, now int64) (jobs []Job, shardTime int64, err error) {
	return w.take(ctx, queueRef{Messages, Shard(shard)}, holder, skip, limit, now)
}

// take takes due jobs. The parameter skip is how many of the first jobs it leaves out,
// and limit is how many it takes at most. The result shardTime is the time by the shard's
// clock. If the parameter mark is a time in ms, it is stored with each taken job that has
// no mark yet.
func (w *Queue) take(ctx context.Context, q queueRef, holder string, skip, limit int, mark any) (jobs []Job, shardTime int64, err error) {
	o := &op.Op{
		Key: q.due(), Script: takeScript, Keys: []string{q.due(), q.jobs(), q.lease()},
		Args: []any{holder, holdTime.Milliseconds(), skip, limit, mark}, Write: true,
	}
	if q.kind == Messages && limit > 0 {
		w.db.Accept(ctx, "take", o) // replicas must know that these messages can no longer be cancelled
	} else {
		w.db.Run(ctx, "take", o)
	}
	err = o.Err
	if err == nil && op.Text(o.Reply[0]) == "held" {
		err = ErrHeld
	}
	if err != nil {
		return nil, 0, fmt.Errorf("take from shard %d of %s: %w", q.shard, q.kind, err)
	}
	for i := 2; i+4 < len(o.Reply); i += 5 {
		jobs = append(jobs, Job{
			Kind: q.kind, Key: op.Text(o.Reply[i]), Due: op.Integer(o.Reply[i+1]), Taken: op.Integer(o.Reply[i+2]),
			Payload: op.Text(o.Reply[i+3]), Failures: int(op.Integer(o.Reply[i+4])),
		})
	}
	return jobs, op.Integer(o.Reply[1]), nil
}

// EndJobs ends taken jobs of one kind and shard. It returns a Verdict for each, which
// differs from the caller's if the job has failed too often (Dead) or was brought
// forward (Left). The errors are ErrUnavailable and ErrUnknown. After an error the jobs
// are done once more.
func (w *Queue) EndJobs(ctx context.Context, kind Kind, shard int, list []Ending) ([]Verdict, error) {
	if len(list) == 0 {
		return nil, nil
	}
	q := queueRef{kind, Shard(shard)}
	args := []any{failuresMost, firstFailure.Milliseconds(), longestFailure.Milliseconds()}
	for _, e := range list {
		args = append(args, e.Key, e.was, string(e.Verdict), e.Due, e.Payload)
	}
	o := &op.Op{Key: q.due(), Script: endScript, Keys: []string{q.due(), q.jobs(), q.dead()}, Args: args, Write: true}
	w.db.Run(ctx, "end", o)
	if o.Err != nil {
		return nil, fmt.Errorf("end jobs of shard %d of %s: %w", shard, kind, o.Err)
	}
	verdicts := make([]Verdict, len(list))
	for i := range list {
		verdicts[i] = Verdict(op.Text(o.Reply[1+i]))
	}
	return verdicts, nil
}

// DeadJobs returns the dead letters of a kind, the oldest ones of a shard first. The
// parameter limit is the most dead letters per shard. Due is the time at which the job
// became a dead letter. A job that is queued again is not a dead letter any more.
func (w *Queue) DeadJobs(ctx context.Context, kind Kind, limit int) ([]Job, error) {
	ops := make([]*op.Op, shards)
	for i := range ops {
		key := queueRef{kind, Shard(i)}.dead()
		ops[i] = op.Read(key, []any{"zrange", key, 0, limit - 1, "withscores"})
	}
	w.db.Run(ctx, "due", ops...)
	var list []Job
	for _, o := range ops {
		if o.Err != nil {
			return nil, fmt.Errorf("dead jobs of %s: %w", kind, o.Err)
		}
		for _, m := range op.ScoredList(o.Reply[0]) {
			list = append(list, Job{Kind: kind, Key: m.Member, Due: int64(m.Score)})
		}
	}
	return list, nil
}

// Put queues jobs of one kind, and returns one error per job: nil, ErrUnavailable or
// ErrUnknown. The parameter shard is a function that chooses the shard of a job. If a job
// with the same key waits already, that job keeps its time. But if the parameter sooner
// is set, the waiting job gets the earlier of the two times. A dead letter with the same
// key is removed. Repeating is harmless.
func (w *Queue) Put(ctx context.Context, kind Kind, jobs []Job, shard func(Job) Shard, sooner bool) []error {
	return w.put(ctx, w.db.Run, kind, jobs, shard, sooner)
}

// Keep does what Put does for one job, with sooner set. If Config.Replicas is set and
// Keep returns nil, replicas have the job.
func (w *Queue) Keep(ctx context.Context, kind Kind, job Job, shard Shard) error {
	return w.put(ctx, w.db.Accept, kind, []Job{job}, func(Job) Shard { return shard }, true)[0]
}

func (w *Queue) put(ctx context.Context, run func(context.Context, string, ...*op.Op), kind Kind, jobs []Job, shard func(Job) Shard, sooner bool) []error {
	how := "nx"
	if sooner {
		how = "lt"
	}
	puts := make(map[Shard][][]any) // ZADD and ZREM
	for _, j := range jobs {
		q := queueRef{kind, shard(j)}
		if puts[q.shard] == nil {
			puts[q.shard] = [][]any{{"zadd", q.due(), how}, {"zrem", q.dead()}}
		}
		put := puts[q.shard]
		put[0], put[1] = append(put[0], j.Due, j.Key), append(put[1], j.Key)
	}
	ops, all := make(map[Shard]*op.Op, len(puts)), make([]*op.Op, 0, len(puts))
	for shard, put := range puts {
		ops[shard] = op.Write(queueRef{kind, shard}.due(), put...)
		all = append(all, ops[shard])
	}
	run(ctx, "put", all...)
	errs := make([]error, len(jobs))
	for i, j := range jobs {
		if err := ops[shard(j)].Err; err != nil {
			errs[i] = fmt.Errorf("put %s of %s: %w", kind, j.Key, err)
		}
	}
	return errs
}
