package record

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// maxBatch is how many ops go out before one WAIT. A call is never split, so a
	// batch may have more. A thousand scripts take a server some 80 ms.
	maxBatch = 1000
	// maxWaiting is how many ops may wait for one master, which are some seconds of
	// work. The route holds their calls in memory anyway. The bound is reached when
	// replicas are away and every batch times out.
	maxWaiting = 16 * maxBatch
)

// errTooFew means that too few replicas have a write in time. The primary has it.
var errTooFew = errors.New("too few replicas")

// writers send ops that must reach replicas, and wait until they have. There is one
// writer per master. It sends one batch at a time, in one pipeline on one connection,
// with one WAIT at its end. Calls that arrive meanwhile form the next batch.
//
// There is one batch at a time because WAIT blocks its connection. If each call had a
// WAIT, they would hold every connection of the pool while a replica is slow, and
// logins and pulls would find none.
//
// A writer lives, with its one goroutine, for as long as there is work. A batch belongs
// to no single call, so it ends with the timeouts of Config, not with a context.
type writers struct {
	replicas int
	timeout  time.Duration // of WAIT
	metrics  *metrics

	all sync.WaitGroup // goroutines of writers

	mu     sync.Mutex
	closed bool
	of     map[*redis.Client]*writer // those that have work
}

// writer has the calls that wait for one master. It is guarded by the mutex of
// writers.
type writer struct {
	client  *redis.Client
	waiting []*call
	ops     int // of waiting
}

// call has the ops that one caller sends, in order. They are copies, so that the
// caller may return before they are answered.
type call struct {
	ops  []*op
	done chan struct{} // closed when they are
}

// newWriters returns nil if no replicas are configured.
func newWriters(cfg Config, m *metrics) *writers {
	if cfg.Replicas == 0 {
		return nil
	}
	return &writers{
		replicas: cfg.Replicas, timeout: cfg.ReplicaTimeout, metrics: m,
		of: make(map[*redis.Client]*writer),
	}
}

// exec queues ops for the writer of a master and blocks until they are answered or
// ctx ends. Ops that were not sent by then are never sent.
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

// enqueue queues a call for the master's writer, and starts one if there is none.
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

// withdraw removes a call from the queue and reports whether it still waited.
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

// next removes whole calls with about maxBatch ops from the queue. If the queue is
// empty, it ends the writer and returns none.
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

// short returns an error if the batch is not known to be on enough replicas, or nil.
// An error of WAIT, such as that of a primary which became a replica meanwhile, is
// not wrapped, because it refused only the WAIT.
func (w *writers) short(have int64, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("wait for %d replicas: %s", w.replicas, err.Error())
	case have < int64(w.replicas):
		return fmt.Errorf("%w: %d of %d had it within %v", errTooFew, have, w.replicas, w.timeout)
	}
	return nil
}

// close blocks until all goroutines have ended. The caller closes the connections
// before.
func (w *writers) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.all.Wait()
}
