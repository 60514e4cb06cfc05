// Package pull runs the pulls of a node, a few at a time, in the order in which they
// were queued. Groups (package groups) and CIM connections pull the entries that they
// miss.
//
// Queue.Run has eight goroutines and returns when ctx ends. One mutex guards the queue.
// Nothing is called under it.
package pull

import (
	"context"
	"sync"
)

// workers is how many pulls run at a time. They are enough to keep a route busy, and do
// not overload it when all CIM clients come back at once.
const workers = 8

// Job is a group or a CIM connection that needs a pull.
type Job interface {
	// Pull is called when the job's turn comes. It blocks until the pull is done, or
	// until ctx ends.
	Pull(ctx context.Context)
}

// Queue is a queue of pulls. It is safe for concurrent use. Make it with New.
//
// Add never refuses a job. But the users of a Queue add each job at most once, so the
// queue is not longer than the number of connections and their groups.
type Queue struct {
	mu    sync.Mutex
	ready *sync.Cond
	jobs  []Job
	ended bool
}

// New returns an empty queue.
func New() *Queue {
	q := new(Queue)
	q.ready = sync.NewCond(&q.mu)
	return q
}

// Add queues a job. It does not block.
func (q *Queue) Add(j Job) {
	q.mu.Lock()
	q.jobs = append(q.jobs, j)
	q.mu.Unlock()
	q.ready.Signal()
}

// Run runs the jobs until ctx ends. Jobs that still wait are dropped.
func (q *Queue) Run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		q.mu.Lock()
		q.ended = true
		q.mu.Unlock()
		q.ready.Broadcast()
	})
	defer stop()
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for j := q.next(); j != nil; j = q.next() {
				j.Pull(ctx)
			}
		})
	}
	running.Wait()
}

// next waits for the next job. It returns nil if the queue has ended.
func (q *Queue) next() Job {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.jobs) == 0 && !q.ended {
		q.ready.Wait()
	}
	if q.ended {
		return nil
	}
	j := q.jobs[0]
	q.jobs[0] = nil
	q.jobs = q.jobs[1:]
	return j
}
