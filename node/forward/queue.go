package forward

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/node/routes"
	"github.com/cim-go/cim/proto"
)

const (
	// longestPause bounds the pause after failed requests. It is short, because
	// messages for other logs wait with those that fail.
	longestPause = 250 * time.Millisecond

	// unsurePause is the pause of a queue while the node has not reconciled after the
	// process stood still. After each pause the queue asks again.
	unsurePause = 20 * time.Millisecond
)

// message is a message of a client on its way to a route.
type message struct {
	from  *Sender
	item  *proto.SendItem
	since time.Time
	heard bool // its client had read all answers before it wrote this message

	// Owned by the queue.
	unknown bool // a request may have stored the message, but the node does not know
	done    bool // its client was answered
}

func (m *message) size() int { return len(m.item.Text) + len(m.item.Id) + 64 }

// repeat marks a message that goes into another request.
func (m *message) repeat() { m.unknown, m.item.Again = true, true }

// queue forwards the messages of some connections. One request is in flight, and the
// messages that come meanwhile form the next one.
//
// A message whose outcome is unknown goes first in the next request, and is marked as a
// repetition. Later messages of its connection wait behind it. After Config.Timeout the
// message is answered Unknown. So is every later message of that connection, until the
// client sends one of them again. Without this rule, a message that the client wrote
// before it read that answer could be stored before the first message. See refusals.
//
// An overloaded route refuses a request before it stores anything. The queue sends the
// same messages again at the time that the route names, and does not mark them.
// Sender.owe bounds the messages that wait.
//
// After the process stood still, all messages wait until the node has reconciled. The
// reason is that a client may have left this node meanwhile. It may have sent the same
// messages elsewhere, and more after them.
//
// When the store has lost something, all messages that wait are answered Unknown, too.
// The loss may include earlier messages that were answered as stored. If a connection is
// half open, its client may not have got the answers to those earlier messages. The client
// then sends them again elsewhere, and no waiting message may be stored before them.
type queue struct {
	forwarder *Forwarder
	wake      chan struct{} // of size 1: came is not empty, or lost is set
	lost      atomic.Bool   // the store has lost something since run looked

	mu   sync.Mutex
	came []*message

	// Owned by run.
	waiting []*message // in the order in which they came
	pause   routes.Backoff
	resting time.Time // no request before this time
}

func newQueue(f *Forwarder) *queue {
	return &queue{forwarder: f, wake: make(chan struct{}, 1), pause: routes.Backoff{Most: longestPause}}
}

func (q *queue) add(m *message) {
	q.mu.Lock()
	q.came = append(q.came, m)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// run forwards until ctx ends.
func (q *queue) run(ctx context.Context) {
	reconciler := q.forwarder.config.Reconciler
	for ctx.Err() == nil {
		q.collect()
		now := time.Now()
		q.expire(now)
		switch next := nextRequest(q.waiting, now); {
		case len(next) == 0:
			q.idle(ctx)
		case now.Before(q.resting):
			routes.Sleep(ctx, q.nextEvent())
		case !reconciler.Sure(now):
			reconciler.Hurry()
			routes.Sleep(ctx, now.Add(unsurePause))
		default:
			q.try(ctx, next)
		}
	}
}

// idle waits until a message comes, until one that waits for its sender's rate may go, or
// until one has waited too long.
func (q *queue) idle(ctx context.Context) {
	var due <-chan time.Time
	if len(q.waiting) > 0 {
		at := q.waiting[0].since.Add(q.forwarder.config.Timeout)
		for _, m := range q.waiting {
			if m.from.rate.until.Before(at) {
				at = m.from.rate.until
			}
		}
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-q.wake:
	case <-due:
	case <-ctx.Done():
	}
}

// nextEvent returns the time until which a queue may rest. At that time the queue makes
// the next request, or answers Unknown to the message that has waited longest.
func (q *queue) nextEvent() time.Time {
	expires := q.waiting[0].since.Add(q.forwarder.config.Timeout)
	if expires.Before(q.resting) {
		return expires
	}
	return q.resting
}

func (q *queue) try(ctx context.Context, messages []*message) {
	if err := q.request(ctx, messages); err != nil {
		q.resting = q.pause.Next(err)
		return
	}
	q.pause.Reset()
}

// collect moves the new messages to waiting. It refuses a new message if its client must
// first repeat a refused one.
func (q *queue) collect() {
	q.mu.Lock()
	came := slices.Clone(q.came)
	clear(q.came)
	q.came = q.came[:0]
	q.mu.Unlock()
	for _, m := range came {
		switch r := m.from.refused; {
		case r == nil || r.known(m):
			m.from.refused = nil
			q.waiting = append(q.waiting, m)
		case r.deaf(m):
			m.from.link.Close(proto.Unavailable, "Send again what was not stored.")
			m.from.owe(-1, -m.size())
		default:
			q.settle(m, &proto.SendResult{Code: int32(proto.Unknown)})
		}
	}
}

// expire answers Unknown to messages that have waited too long, and to all if the store
// lost something. It drops the messages of connections that have gone, because a client
// sends them again on its next connection. If the queue forwarded them, too, they might
// be stored twice.
func (q *queue) expire(now time.Time) {
	late, lost := make(map[*Sender]bool), q.lost.Swap(false)
	q.keep(func(m *message) bool {
		if m.from.conn.Gone() {
			m.from.owe(-1, -m.size())
			return false
		}
		if lost || now.Sub(m.since) >= q.forwarder.config.Timeout {
			late[m.from] = true
		}
		if late[m.from] {
			q.settle(m, &proto.SendResult{Code: int32(m.from.overdue(m))})
		}
		return !late[m.from]
	})
}

// keep drops the waiting messages for which f returns false. The others keep their
// order.
func (q *queue) keep(f func(*message) bool) {
	kept := q.waiting[:0]
	for _, m := range q.waiting {
		if f(m) {
			kept = append(kept, m)
		}
	}
	clear(q.waiting[len(kept):])
	q.waiting = kept
}

// settle answers a message that leaves the queue. If the client must send it again,
// settle adds it to the refusals of its connection.
func (q *queue) settle(m *message, r *proto.SendResult) {
	if code := proto.Code(r.Code); code != proto.OK && code.Retry() != proto.RetryNever {
		if m.from.refused == nil {
			m.from.refused = &refusals{first: time.Now()}
		}
		m.from.refused.add(m.item.Id)
	}
	m.from.answer(m.item.Id, r)
	m.from.owe(-1, -m.size())
}
