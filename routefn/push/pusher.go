package push

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// Nodes sends requests to nodes.
type Nodes interface {
	// Push sends the request q to the node at address, with a time limit of its own.
	// The answer has a result per item.
	Push(ctx context.Context, address string, q *proto.PushRequest) (*proto.PushAnswer, error)
	// IsNear reports whether the node at address is in this process, so that Push is a
	// function call that does not wait.
	IsNear(address string) bool
}

// Sessions closes sessions in the store that their node does not hold.
type Sessions interface {
	CloseSessions(ctx context.Context, closings []record.Closing) []error
}

// Observer counts pushes. Its methods must not block, because they may be called with
// locks held.
type Observer interface {
	Pushes(outcome Outcome, n int)
	PushRequest(pushes int, took time.Duration) // a request to a node was answered or failed
	SessionsGone(n int)
}

// A Pusher has a queue of items for each node, and sends them. Make it with New. It is
// safe for concurrent use.
//
// While a node's queue is not empty, a goroutine sends to the node. If the node is in
// this process, the use case itself calls the node, without a goroutine, because that
// call does not wait.
type Pusher struct {
	nodes    Nodes
	sessions Sessions
	observer Observer
	now      func() time.Time
	log      *slog.Logger
	onKick   func(user int64, s record.Session, code proto.Code) // set before use; nil: no function is called
	senders  sync.WaitGroup                                      // Add is called with mu held, and only while something is queued

	mu     sync.Mutex
	queues map[string]*queue // by address; only queues that are not empty or remember a failure
	due    []string          // addresses of queues that are not empty and on which no goroutine works
	closed bool
}

// New returns a Pusher. It starts nothing.
func New(nodes Nodes, sessions Sessions, observer Observer, now func() time.Time, log *slog.Logger) *Pusher {
	return &Pusher{nodes: nodes, sessions: sessions, observer: observer, now: now, log: log, queues: make(map[string]*queue)}
}

// OnKick makes the Pusher call f for each session that is kicked. OnKick must be called
// before the Pusher is used, and f must not block.
func (p *Pusher) OnKick(f func(user int64, s record.Session, code proto.Code)) { p.onKick = f }

// enqueue appends a push to the queue of the node at address, or drops it. It never
// blocks.
func (p *Pusher) enqueue(address string, next push) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		p.observer.Pushes(Closed, 1)
		return
	}
	q := p.queues[address]
	if q == nil {
		q = new(queue)
		p.queues[address] = q
	}
	if outcome := q.add(next, p.now()); outcome != "" {
		p.observer.Pushes(outcome, 1)
		return
	}
	if !q.sending {
		q.sending = true
		p.due = append(p.due, address)
	}
}

// start starts the sending of all queues in due. It blocks only while it calls a node
// in this process.
func (p *Pusher) start() {
	p.mu.Lock()
	due := p.due
	p.due = nil
	p.senders.Add(len(due))
	p.mu.Unlock()
	for _, address := range due {
		if !p.nodes.IsNear(address) || p.step(address) {
			go p.drain(address)
			continue
		}
		p.senders.Done()
	}
}

// drain sends a queue until it is empty.
func (p *Pusher) drain(address string) {
	defer p.senders.Done()
	for p.step(address) {
	}
}

// step sends the next request of the queue for address. It reports whether the queue
// has more.
func (p *Pusher) step(address string) (more bool) {
	p.mu.Lock()
	q := p.queues[address]
	r := q.take()
	p.mu.Unlock()
	r.done(p.send(address, q, r))
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(q.pushes) > 0 {
		return true
	}
	q.sending = false
	if !q.remembers(p.now()) {
		delete(p.queues, address)
	}
	return false
}

// send sends the request r of the queue q. After a failure it returns the pushes that
// it dropped from q.
func (p *Pusher) send(address string, q *queue, r request) []push {
	if len(r.pushes) == 0 {
		return nil
	}
	m := r.message()
	start := time.Now()
	answer, err := p.nodes.Push(context.Background(), address, m)
	p.observer.PushRequest(len(r.pushes), time.Since(start))
	if err != nil {
		p.log.Warn("push failed", "node", address, "err", err)
		p.observer.Pushes(Failed, len(r.pushes))
		return p.fail(q)
	}
	p.observer.Pushes(Done, len(r.pushes))
	p.closeGone(address, r.gone(answer))
	return nil
}

// fail pauses a queue after a failure, empties it, and returns the pushes that were in
// it. It also forgets other nodes' failures that are long past.
func (p *Pusher) fail(q *queue) []push {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	dropped := q.fail(now)
	p.observer.Pushes(LeftAlone, countPushes(dropped))
	for address, other := range p.queues {
		if !other.sending && !other.remembers(now) {
			delete(p.queues, address)
		}
	}
	return dropped
}

// closeGone closes sessions in the store that the node at address does not hold. For a
// node in this process a goroutine closes them, because the use case must not wait for the
// store.
func (p *Pusher) closeGone(address string, closings []record.Closing) {
	if len(closings) == 0 {
		return
	}
	p.observer.SessionsGone(len(closings))
	end := func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		for i, err := range p.sessions.CloseSessions(ctx, closings) {
			if err != nil { // the next push to the node finds the same sessions again
				p.log.Debug("session that its node does not hold cannot be closed", "user", closings[i].User, "err", err)
			}
		}
	}
	if p.nodes.IsNear(address) {
		p.senders.Go(end)
		return
	}
	end()
}

// Flush blocks until every push that was queued before the call was answered or
// dropped. If ctx ends earlier, Flush returns the error of ctx.
func (p *Pusher) Flush(ctx context.Context) error {
	p.start()
	for _, reached := range p.markers() {
		select {
		case <-reached:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// markers queues a marker in each queue that is being sent. The channel of a marker is
// closed when all pushes before it were handled.
func (p *Pusher) markers() []chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	var markers []chan struct{}
	for _, q := range p.queues {
		if q.sending {
			reached := make(chan struct{})
			q.pushes = append(q.pushes, push{reached: reached})
			markers = append(markers, reached)
		}
	}
	return markers
}

// Close refuses further pushes and blocks until the queued pushes were answered or
// dropped. A node that hangs delays Close by 300 ms at most. Close may be called twice.
func (p *Pusher) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.start()
	p.senders.Wait()
}
