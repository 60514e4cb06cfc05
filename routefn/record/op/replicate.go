package op

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/routefn/record/servers"
)

const (
	// maxBatch is about how many ops are sent with one WAIT. A call is never split, so a
	// batch may have more. A server needs some 80 ms for a thousand scripts.
	maxBatch = 1000
	// maxWaiting is how many ops may wait for one master. That is some seconds of work.
	// The bound is reached only when replicas are away and every batch times out. Waiting
	// ops need little more memory than the route needs anyway for their calls.
	maxWaiting = 16 * maxBatch
)

// writers send ops that must reach replicas, and wait until the ops have. There is one
// writer per master. It sends one batch at a time, in one pipeline on one connection,
// with one WAIT at its end. Calls that arrive meanwhile form the next batch.
//
// The reason for one batch at a time is that WAIT blocks its connection. If each call had
// a WAIT of its own, the calls would hold all connections of the pool while a replica is
// slow. Logins and pulls would then find no connection.
//
// A writer has one goroutine. The writer and its goroutine exist only while there is
// work. A batch belongs to many calls, so no context ends it. It ends by the timeouts of
// Config.
type writers struct {
	replicas int
	timeout  time.Duration // of WAIT
	metrics  *metrics

	all sync.WaitGroup // goroutines of writers

	mu     sync.Mutex
	closed bool
	of     map[*redis.Client]*writer // only writers that have work
}

// writer has the calls that wait for one master. It is guarded by the mutex of
// writers.
type writer struct {
	client  *redis.Client
	waiting []*call
	ops     int // how many ops the calls in waiting have
}

// call has the ops of one caller, in order. The ops are copies, so that the caller may
// return before the answers come.
type call struct {
	ops  []*Op
	done chan struct{} // closed when the ops are answered
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

// Replicates reports whether Accept waits for replicas.
func (d *DB) Replicates() bool { return d.writers != nil }

// exec queues ops for the writer of the master to which client connects, and blocks
// until they are answered or ctx ends. Ops that were not sent when ctx ends are never
// sent.
func (w *writers) exec(ctx context.Context, client *redis.Client, ops []*Op) {
	c := &call{ops: make([]*Op, len(ops)), done: make(chan struct{})}
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
			err = fmt.Errorf("%w: %w", servers.ErrUnsent, err)
		}
		fail(ops, err)
	}
}

// enqueue queues a call for the writer of a master, and starts the writer if there is
// none.
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
		return fmt.Errorf("%w: %d others wait for replicas", servers.ErrUnsent, q.ops)
	}
	q.waiting = append(q.waiting, c)
	q.ops += len(c.ops)
	return nil
}

// withdraw removes a call from its queue. It reports whether the call still waited
// there.
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

// next removes calls from the queue of q, with about maxBatch ops together, and returns
// them. If the queue is empty, it ends the writer and returns no call.
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

// send sends a batch and its WAIT in one pipeline, and blocks until all are answered.
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
		if o.Err == nil && short != nil {
			o.Err = short
			w.metrics.unreplicated.Inc()
		}
	}
	for _, c := range batch {
		close(c.done)
	}
}

func opsOf(batch []*call) iter.Seq[*Op] {
	return func(yield func(*Op) bool) {
		for _, c := range batch {
			for _, o := range c.ops {
				if !yield(o) {
					return
				}
			}
		}
	}
}

// short returns nil if enough replicas have the batch. The parameters have and err are
// the answer to WAIT. The returned error does not wrap err. The reason is that err says
// only that WAIT was refused, for example by a primary that became a replica. The writes
// of the batch may have been executed.
func (w *writers) short(have int64, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("wait for %d replicas: %s", w.replicas, err.Error())
	case have < int64(w.replicas):
		return fmt.Errorf("%w: %d of %d had it within %v", ErrTooFew, have, w.replicas, w.timeout)
	}
	return nil
}

// close takes no more calls, and blocks until all goroutines have ended. The caller
// must close the connections first.
func (w *writers) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.all.Wait()
}
