package record

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// maxBatch is how many ops go out before one WAIT, save that a call is never
	// split. A thousand scripts take a server some 80 ms.
	maxBatch = 1000
	// maxWaiting is how many ops wait for one master at most, in calls that the
	// route has in memory anyway: some seconds of work. It is reached when replicas
	// are away and every batch runs into its timeout.
	maxWaiting = 16 * maxBatch
)

// errTooFew says that replicas are away, or slow: the primary is there and has it.
var errTooFew = errors.New("too few replicas")

// writers append and wait until replicas have it: a writer a master, which sends
// one batch at a time in one pipeline, and so on one connection, with one WAIT at
// its end. What arrives meanwhile is the next batch.
//
// One batch at a time, because WAIT blocks its connection: calls with a WAIT each
// would hold every connection of the pool while a replica is slow, and logins and
// pulls would find none.
//
// A writer lives, with its one goroutine, for as long as there is work. Its
// batches are nobody's call: they end with the timeouts of Config, not with a
// context.
type writers struct {
	replicas int
	timeout  time.Duration // of WAIT
	metrics  *metrics

	all sync.WaitGroup // goroutines of writers

	mu     sync.Mutex
	closed bool
	of     map[*redis.Client]*writer // those that have work
}

// writer is what waits for one master. Guarded by the mutex of writers.
type writer struct {
	client  *redis.Client
	waiting []*call
	ops     int // of waiting
}

// call is what one caller sends, in order. The ops are copies, so that he may
// leave before they are answered.
type call struct {
	ops  []*op
	done chan struct{} // closed when they are
}

// newWriters returns nil where the primary's own copy is enough.
func newWriters(cfg Config, m *metrics) *writers {
	if cfg.Replicas == 0 {
		return nil
	}
	return &writers{
		replicas: cfg.Replicas, timeout: cfg.ReplicaTimeout, metrics: m,
		of: make(map[*redis.Client]*writer),
	}
}

// accept is run for what a sender is told to be stored. With Config.Replicas, no
// op succeeds before that many replicas have all that its server had executed
// until then. Each op must write, even if it finds that its work is done: WAIT
// asks about the last write of the connection, and about nothing on one that
// never wrote.
func (s *Store) accept(ctx context.Context, name string, ops ...*op) {
	by := s.exec
	if s.writers != nil {
		by = s.writers.exec
	}
	s.runShown(ctx, by, name, ops)
}

// exec gives ops to the writer of a master and blocks until they are answered or
// ctx ends. What had not been sent by then never is.
func (w *writers) exec(ctx context.Context, client *redis.Client, ops []*op) {
	c := &call{ops: make([]*op, len(ops)), done: make(chan struct{})}
	for i, o := range ops {
		sent := *o
		c.ops[i] = &sent
	}
	if err := w.enqueue(client, c); err != nil {
		fail(ops, err)
		return
	}
	select {
	case <-c.done:
		for i, o := range c.ops {
			*ops[i] = *o
		}
	case <-ctx.Done():
		err := ctx.Err()
		if w.withdraw(client, c) {
			err = fmt.Errorf("%w: %w", errUnsent, err)
		}
		fail(ops, err)
	}
}

func fail(ops []*op, err error) {
	for _, o := range ops {
		o.err = err
	}
}

// enqueue leaves a call to the master's writer, and starts one if there is none.
func (w *writers) enqueue(client *redis.Client, c *call) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return redis.ErrClosed
	}
	q := w.of[client]
	if q == nil {
		q = &writer{client: client}
		w.of[client] = q
		w.all.Go(func() { w.drain(q) })
	}
	if q.ops > 0 && q.ops+len(c.ops) > maxWaiting {
		return fmt.Errorf("%w: %d others wait for replicas", errUnsent, q.ops)
	}
	q.waiting = append(q.waiting, c)
	q.ops += len(c.ops)
	return nil
}

// withdraw takes a call back and reports whether it still waited.
func (w *writers) withdraw(client *redis.Client, c *call) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.of[client]
	if q == nil {
		return false
	}
	i := slices.Index(q.waiting, c)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	q.ops -= len(c.ops)
	return true
}

// drain sends batches until nothing waits.
func (w *writers) drain(q *writer) {
	for batch := w.next(q); len(batch) > 0; batch = w.next(q) {
		w.send(q.client, batch)
	}
}

// next takes what waits, whole calls of about maxBatch ops. If it returns none,
// the writer is gone.
func (w *writers) next(q *writer) []*call {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, ops := 0, 0
	for n < len(q.waiting) && ops < maxBatch {
		ops += len(q.waiting[n].ops)
		n++
	}
	batch := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	q.ops -= ops
	if n == 0 {
		delete(w.of, q.client)
	}
	return batch
}

// send executes a batch and waits for replicas, in one pipeline.
func (w *writers) send(client *redis.Client, batch []*call) {
	ctx, start := context.Background(), time.Now()
	var p pipeline
	for o := range opsOf(batch) {
		o.enqueue(ctx, &p)
	}
	wait := redis.NewIntCmd(ctx, "wait", w.replicas, w.timeout.Milliseconds())
	p.cmds = append(p.cmds, wait)
	p.exec(ctx, client)
	w.metrics.replicated.Observe(time.Since(start).Seconds())
	short := w.short(wait.Result())
	for o := range opsOf(batch) {
		o.take()
		if o.err == nil && short != nil {
			o.err = short
			w.metrics.unreplicated.Inc()
		}
	}
	for _, c := range batch {
		close(c.done)
	}
}

func opsOf(batch []*call) iter.Seq[*op] {
	return func(yield func(*op) bool) {
		for _, c := range batch {
			for _, o := range c.ops {
				if !yield(o) {
					return
				}
			}
		}
	}
}

// short returns why what was executed is not known to be on enough replicas, or
// nil. An answer to WAIT, such as that of a primary which became a replica
// meanwhile, is not wrapped: nothing else was refused by it.
func (w *writers) short(have int64, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("wait for %d replicas: %s", w.replicas, err.Error())
	case have < int64(w.replicas):
		return fmt.Errorf("%w: %d of %d had it within %v", errTooFew, have, w.replicas, w.timeout)
	}
	return nil
}

// close blocks until all goroutines have ended. Connections are closed before.
func (w *writers) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.all.Wait()
}

// checkReplicas refuses a server that cannot WAIT, or does not tell of replicas as
// the embedded one does not, and warns of one that has too few at this moment.
func (s *Store) checkReplicas(ctx context.Context, c *redis.Client) error {
	if s.writers == nil {
		return nil
	}
	info, err := c.Info(ctx, "replication").Result()
	if err == nil {
		err = c.Do(ctx, "wait", 0, 1).Err()
	}
	switch {
	case answered(err):
		return fmt.Errorf("store has no replicas to wait for (an embedded one never has): %w", err)
	case err != nil:
		return fmt.Errorf("ask store for its replicas: %w", classify(err, false))
	}
	have, _ := strconv.Atoi(infoField(info, "connected_slaves"))
	if have < s.writers.replicas {
		s.log.Warn("store has too few replicas: no message is accepted until there are more",
			"peer", c.Options().Addr, "replicas", have, "want", s.writers.replicas)
	}
	return nil
}
