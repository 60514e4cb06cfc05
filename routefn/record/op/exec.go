package op

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/proto/retry"
	"github.com/cim-go/cim/routefn/record/servers"
)

// An op is sent in maxRounds rounds at most. A server refuses it while one of its keys
// moves to another server. Between six rounds the DB waits for 20+40+80+160+320 ms,
// without jitter: see package retry.
const (
	maxRounds    = 6
	firstPause   = 20 * time.Millisecond
	longestPause = firstPause << (maxRounds - 1)
)

// MaxPipeline is how many ops one pipeline has at most. A script takes a server 15 to 40
// us, so a full pipeline makes other callers wait for 20 ms at most. Even a server that
// is ten times slower answers well within Config.ReadTimeout.
const MaxPipeline = 500

// execFunc sends ops to a server in one pipeline and sets the reply or error of each.
type execFunc func(ctx context.Context, client *redis.Client, ops []*Op)

func (d *DB) runBy(ctx context.Context, by execFunc, name string, ops []*Op) {
	if len(ops) == 0 {
		return
	}
	start := time.Now()
	todo := ops
	pauses := 0
	for rounds := 0; rounds < maxRounds; {
		d.round(ctx, by, todo)
		var wait bool
		todo, wait = d.repeatable(ctx, todo)
		if len(todo) == 0 || wait && !retry.Sleep(ctx, retry.Delay(pauses, firstPause, longestPause, 1)) {
			break
		}
		if wait {
			pauses++
		}
		if !slices.ContainsFunc(todo, (*Op).foundDead) { // a round that found a dead connection does not count, because each connection is found dead only once
			rounds++
		}
	}
	if slices.ContainsFunc(ops, func(o *Op) bool { return o.Err != nil && servers.ReadOnly(o.Err) }) {
		d.Topology.Retire()
	}
	for _, o := range ops {
		o.Err = Classify(o.Err, o.Write)
	}
	d.metrics.observe(name, start, ops)
}

// repeatable returns the ops that should be sent in another round. If wait is true, the
// caller must pause before that round.
func (d *DB) repeatable(ctx context.Context, ops []*Op) (todo []*Op, wait bool) {
	for _, o := range ops {
		repeat, later := o.mayRepeat(ctx, d.Topology)
		if repeat {
			todo = append(todo, o)
			wait = wait || later
		}
	}
	return todo, wait
}

// round sends each op once, to all servers at once, and blocks until all are answered.
func (d *DB) round(ctx context.Context, by execFunc, ops []*Op) {
	if err := ctx.Err(); err != nil {
		for _, o := range ops {
			o.Err = fmt.Errorf("%w: %w", servers.ErrUnsent, err)
		}
		return
	}
	groups := make(map[*redis.Client][]*Op, 1)
	for _, o := range ops {
		client, err := d.clientOf(ctx, o)
		if err != nil {
			o.Err = fmt.Errorf("%w: %w", servers.ErrUnsent, err)
			continue
		}
		groups[client] = append(groups[client], o)
	}
	var all sync.WaitGroup
	for client, group := range groups {
		if len(groups) == 1 {
			d.pipelines(ctx, by, client, group)
			continue
		}
		all.Go(func() { d.pipelines(ctx, by, client, group) })
	}
	all.Wait()
}

// pipelines sends ops to one server, one pipeline after the other.
func (d *DB) pipelines(ctx context.Context, by execFunc, client *redis.Client, ops []*Op) {
	begun := time.Now()
	for first := 0; first < len(ops); first += MaxPipeline {
		if first > 0 && time.Since(begun) > d.patience {
			fail(ops[first:], errSlow)
			return
		}
		chunk := ops[first:min(first+MaxPipeline, len(ops))]
		by(ctx, client, chunk)
		if err := chunk[len(chunk)-1].Err; err != nil && !servers.Answered(err) {
			fail(ops[first+len(chunk):], fmt.Errorf("%w: %w", servers.ErrUnsent, err))
			return
		}
	}
}

func (d *DB) clientOf(ctx context.Context, o *Op) (*redis.Client, error) {
	if o.to != nil {
		return o.to, nil
	}
	return d.Topology.Master(ctx, o.Key)
}

// exec sends ops in one pipeline. If the last reading of the server's clock is too old,
// the pipeline also reads the clock.
func (d *DB) exec(ctx context.Context, client *redis.Client, ops []*Op) {
	size := 1
	for _, o := range ops {
		size += len(o.Steps) + 2
	}
	p := pipeline{make([]redis.Cmder, 0, size)}
	asked := d.Times.Moment()
	read := d.Times.Due(client, asked)
	if read {
		p.add(ctx, askTime)
	}
	for _, o := range ops {
		o.enqueue(ctx, &p)
	}
	p.exec(ctx, client)
	if read {
		d.Times.Hear(client, ClockMs(p.cmds[0].(*redis.Cmd).Val()), asked, d.Times.Moment())
	}
	for _, o := range ops {
		o.take()
	}
}
