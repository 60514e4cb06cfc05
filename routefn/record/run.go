package record

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A slot that moves is refused for as long as one of its keys takes; six rounds
// wait 20+40+80+160+320 ms at most.
const (
	maxRounds  = 6
	firstPause = 20 * time.Millisecond
)

// maxPipeline is how many ops one pipeline has. A script takes a server 15 to 40 us,
// so that others wait for it for 20 ms at most, and a server ten times as slow
// answers well within Config.ReadTimeout.
const maxPipeline = 500

// errSlow is in the error of what was not sent, because the server took too long for
// what went before.
var errSlow = fmt.Errorf("%w: the store is too slow for all of it", errUnsent)

// way takes ops to a server in one pipeline and gives each its reply or error.
type way func(ctx context.Context, client *redis.Client, ops []*op)

// run executes ops, in pipelines of maxPipeline a server, all servers at once, and
// blocks until all are answered or ctx ends. On one server they are executed in
// order. Each op has its reply or its error then. A server that fails a pipeline, or
// that has taken half of Config.ReadTimeout, is sent no further one: what it did is
// answered, and the rest is ErrUnavailable.
func (s *Store) run(ctx context.Context, name string, ops ...*op) { s.runShown(ctx, s.exec, name, ops) }

func (s *Store) runBy(ctx context.Context, by way, name string, ops []*op) {
	if len(ops) == 0 {
		return
	}
	start := time.Now()
	todo := ops
	pause := firstPause
	for rounds := 0; rounds < maxRounds; {
		s.round(ctx, by, todo)
		var wait bool
		todo, wait = s.repeatable(ctx, todo)
		if len(todo) == 0 || wait && !sleep(ctx, pause) {
			break
		}
		if wait {
			pause *= 2
		}
		if !slices.ContainsFunc(todo, (*op).foundDead) { // which happens once a connection
			rounds++
		}
	}
	if slices.ContainsFunc(ops, func(o *op) bool { return readOnly(o.err) }) {
		s.generation.retire()
	}
	for _, o := range ops {
		o.err = classify(o.err, o.write)
	}
	s.metrics.observe(name, start, ops)
}

// repeatable returns the ops that another round may help.
func (s *Store) repeatable(ctx context.Context, ops []*op) (todo []*op, wait bool) {
	for _, o := range ops {
		repeat, later := o.mayRepeat(ctx, s.door)
		if repeat {
			todo = append(todo, o)
			wait = wait || later
		}
	}
	return todo, wait
}

// round sends each op once.
func (s *Store) round(ctx context.Context, by way, ops []*op) {
	if err := ctx.Err(); err != nil {
		for _, o := range ops {
			o.err = fmt.Errorf("%w: %w", errUnsent, err)
		}
		return
	}
	groups := make(map[*redis.Client][]*op, 1)
	for _, o := range ops {
		client, err := s.clientOf(ctx, o)
		if err != nil {
			o.err = fmt.Errorf("%w: %w", errUnsent, err)
			continue
		}
		groups[client] = append(groups[client], o)
	}
	var all sync.WaitGroup
	for client, group := range groups {
		if len(groups) == 1 {
			s.pipelines(ctx, by, client, group)
			continue
		}
		all.Go(func() { s.pipelines(ctx, by, client, group) })
	}
	all.Wait()
}

// pipelines sends ops to one server, one pipeline after the other.
func (s *Store) pipelines(ctx context.Context, by way, client *redis.Client, ops []*op) {
	begun := time.Now()
	for first := 0; first < len(ops); first += maxPipeline {
		if first > 0 && time.Since(begun) > s.patience {
			fail(ops[first:], errSlow)
			return
		}
		chunk := ops[first:min(first+maxPipeline, len(ops))]
		by(ctx, client, chunk)
		if err := chunk[len(chunk)-1].err; err != nil && !answered(err) {
			fail(ops[first+len(chunk):], fmt.Errorf("%w: %w", errUnsent, err))
			return
		}
	}
}

func (s *Store) clientOf(ctx context.Context, o *op) (*redis.Client, error) {
	if o.to != nil {
		return o.to, nil
	}
	return s.door.master(ctx, o.key)
}

// exec sends ops in one pipeline, which brings a reading of the server's clock, too,
// if the last one is too old.
func (s *Store) exec(ctx context.Context, client *redis.Client, ops []*op) {
	size := 1
	for _, o := range ops {
		size += len(o.steps) + 2
	}
	p := pipeline{make([]redis.Cmder, 0, size)}
	asked := s.clock.moment()
	read := s.clock.due(client, asked)
	if read {
		p.add(ctx, askTime)
	}
	for _, o := range ops {
		o.enqueue(ctx, &p)
	}
	p.exec(ctx, client)
	if read {
		s.clock.hear(client, p.cmds[0].(*redis.Cmd).Val(), asked, s.clock.moment())
	}
	for _, o := range ops {
		o.take()
	}
}

// sleep waits for d, or returns false when ctx ends.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
