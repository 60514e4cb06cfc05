package routefn

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// leaveAlone is how long a node that failed a push is sent nothing.
const leaveAlone = time.Second

// A pusher hands items and kicks to nodes. For each address there is at most one
// request in flight, sent by a goroutine that exists while there is something to
// send, and what arrives meanwhile forms the next request: an idle system pushes
// at once, a busy one in large batches, and no timer stands in between.
//
// A push may be lost. When a node fails one, or is too slow for what arrives, the
// rest for it is dropped and counted, and the first request after that asks it to
// reconcile, which finds everything.
type pusher struct {
	send    func(ctx context.Context, address string, q *proto.PushRequest) (*proto.PushAnswer, error)
	gone    func(context.Context, []record.Closing)
	now     func() time.Time
	log     *slog.Logger
	metrics *metrics
	senders sync.WaitGroup

	mu     sync.Mutex
	lanes  map[string]*lane // by address; those that have something to send or failed lately
	closed bool
}

func newPusher(c Config, m *metrics, send func(context.Context, string, *proto.PushRequest) (*proto.PushAnswer, error),
	gone func(context.Context, []record.Closing)) *pusher {
	return &pusher{send: send, gone: gone, now: c.Now, log: c.Logger, metrics: m, lanes: make(map[string]*lane)}
}

// item queues one entry for the node at address. The sessions are those whose
// numbers the item names; the pusher closes those that are gone. It never blocks.
func (p *pusher) item(address string, boot uint64, item *proto.PushItem, sessions []record.Session) {
	p.enqueue(address, push{boot: boot, item: item, sessions: sessions, size: pushSize(item)})
}

// kick queues the end of a connection. It never blocks.
func (p *pusher) kick(address string, boot uint64, kick *proto.Kick) {
	p.enqueue(address, push{boot: boot, kick: kick, size: pushOverhead})
}

func (p *pusher) enqueue(address string, next push) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		p.metrics.pushes(pushClosed, 1)
		return
	}
	l := p.lanes[address]
	if l == nil {
		l = new(lane)
		p.lanes[address] = l
	}
	if outcome := l.add(next, p.now()); outcome != "" {
		p.metrics.pushes(outcome, 1)
		return
	}
	if !l.sending {
		l.sending = true
		p.senders.Go(func() { p.drain(address, l) })
	}
}

// drain sends what l has until it is empty.
func (p *pusher) drain(address string, l *lane) {
	for {
		p.mu.Lock()
		b := l.take()
		if b.empty() {
			l.sending = false
			if !l.marked(p.now()) {
				delete(p.lanes, address)
			}
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		b.done(p.deliver(address, l, b))
	}
}

// deliver sends one batch and returns what it dropped because of a failure.
func (p *pusher) deliver(address string, l *lane, b batchOf) []push {
	if len(b.pushes) == 0 {
		return nil
	}
	q := b.request()
	p.metrics.pushBatch.Observe(float64(len(b.pushes)))
	start := time.Now()
	answer, err := p.send(context.Background(), address, q) // it has its own time
	p.metrics.pushSeconds.Observe(time.Since(start).Seconds())
	if err != nil {
		p.log.Warn("push failed", "node", address, "err", err)
		p.metrics.pushes(pushFailed, len(b.pushes))
		return p.fail(l)
	}
	p.metrics.pushes(pushDone, len(b.pushes))
	p.closeGone(b, answer)
	return nil
}

// fail leaves the node alone for a while and returns what waited for it.
func (p *pusher) fail(l *lane) []push {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	dropped := l.fail(now)
	p.metrics.pushes(pushLeftAlone, countPushes(dropped))
	for address, other := range p.lanes { // failures are rare, so this is where old ones are forgotten
		if !other.sending && !other.marked(now) {
			delete(p.lanes, address)
		}
	}
	return dropped
}

// closeGone closes the sessions that the node does not hold.
func (p *pusher) closeGone(b batchOf, answer *proto.PushAnswer) {
	closings := b.gone(answer)
	if len(closings) == 0 {
		return
	}
	p.metrics.gone.Add(float64(len(closings)))
	ctx, cancel := context.WithTimeout(context.Background(), leaveAlone)
	defer cancel()
	p.gone(ctx, closings)
}

// flush blocks until all that was queued before it was sent or dropped.
func (p *pusher) flush(ctx context.Context) error {
	for _, reached := range p.markers() {
		select {
		case <-reached:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// markers queues one marker in each lane that is sending.
func (p *pusher) markers() []chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	var markers []chan struct{}
	for _, l := range p.lanes {
		if l.sending {
			reached := make(chan struct{})
			l.queue = append(l.queue, push{reached: reached})
			markers = append(markers, reached)
		}
	}
	return markers
}

func (p *pusher) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.senders.Wait()
}
