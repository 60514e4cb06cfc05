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

// A pusher hands items and kicks to nodes. What a use case has for them is queued,
// and leaves when the use case ends (start). For each address there is at most one
// request in flight, and what arrives meanwhile forms the next one: an idle system
// pushes at once, a busy one in large batches, and no timer stands in between.
//
// Requests are sent by a goroutine that exists while there is something to send. A
// node in this process is called by the use case itself, which is cheaper by a
// goroutine that would have to be woken, and does not wait.
//
// A push may be lost. When a node fails one, or is too slow for what arrives, the
// rest for it is dropped and counted, and the first request after that asks it to
// reconcile, which finds everything.
type pusher struct {
	send    func(ctx context.Context, address string, q *proto.PushRequest) (*proto.PushAnswer, error)
	gone    func(context.Context, []record.Closing)
	near    func(address string) bool // the node there is called, and does not wait
	now     func() time.Time
	log     *slog.Logger
	metrics *metrics
	senders sync.WaitGroup // added to under mu, while there is something queued

	mu     sync.Mutex
	lanes  map[string]*lane // by address; those that have something to send or failed lately
	due    []string         // lanes that nobody works on and that have something
	closed bool
}

func newPusher(c Config, m *metrics, send func(context.Context, string, *proto.PushRequest) (*proto.PushAnswer, error),
	gone func(context.Context, []record.Closing), near func(string) bool) *pusher {
	return &pusher{send: send, gone: gone, near: near, now: c.Now, log: c.Logger, metrics: m, lanes: make(map[string]*lane)}
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
		p.due = append(p.due, address)
	}
}

// start sends what was queued. It blocks for no node but one in this process.
func (p *pusher) start() {
	p.mu.Lock()
	due := p.due
	p.due = nil
	p.senders.Add(len(due))
	p.mu.Unlock()
	for _, address := range due {
		if !p.near(address) || p.step(address) {
			go p.drain(address)
			continue
		}
		p.senders.Done()
	}
}

// drain sends what a lane has until it is empty.
func (p *pusher) drain(address string) {
	defer p.senders.Done()
	for p.step(address) {
	}
}

// step sends a lane's next batch and reports whether there is more.
func (p *pusher) step(address string) (more bool) {
	p.mu.Lock()
	l := p.lanes[address]
	b := l.take()
	p.mu.Unlock()
	b.done(p.deliver(address, l, b))
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(l.queue) > 0 {
		return true
	}
	l.sending = false
	if !l.marked(p.now()) {
		delete(p.lanes, address)
	}
	return false
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
	p.closeGone(address, b.gone(answer))
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

// closeGone closes sessions that the node at address does not hold.
func (p *pusher) closeGone(address string, closings []record.Closing) {
	if len(closings) == 0 {
		return
	}
	p.metrics.gone.Add(float64(len(closings)))
	end := func() {
		ctx, cancel := context.WithTimeout(context.Background(), leaveAlone)
		defer cancel()
		p.gone(ctx, closings)
	}
	if p.near(address) { // the use case that called it shall not wait for the store
		p.senders.Go(end)
		return
	}
	end()
}

// flush blocks until all that was queued before it was sent or dropped.
func (p *pusher) flush(ctx context.Context) error {
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
	p.start()
	p.senders.Wait()
}
