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
	// longestPause is short, because while the messages of one log fail, those of other
	// logs wait, too.
	longestPause = 250 * time.Millisecond

	// After the process stood still, a queue checks every unsurePause whether the node
	// has reconciled.
	unsurePause = 20 * time.Millisecond
)

// message is one on its way to a route.
type message struct {
	from  *Sender
	item  *proto.SendItem
	since time.Time
	heard bool // its client had read all answers when it wrote this

	// Owned by the queue.
	unknown bool // it was in a request whose outcome for it is unknown
	done    bool // its client was answered
}

func (m *message) size() int { return len(m.item.Text) + len(m.item.Id) + 64 }

// repeat marks a message that goes into another request.
func (m *message) repeat() { m.unknown, m.item.Again = true, true }

// queue forwards the messages of some connections. One request is in flight, and the
// messages that come meanwhile form the next one.
//
// A message whose outcome is unknown goes first in the next request, marked again. Later
// messages of its connection wait behind it. After Config.Timeout the client gets
// Unknown. So does every later message of that connection until the client resends one of
// them. Otherwise messages that the client wrote before it read the answer would overtake
// that message. See refusals.
//
// An overloaded route refuses a request before it stores anything. The same messages go
// again, unmarked, when the route wants them. Sender.owe bounds the messages that wait.
//
// After the process stood still, all messages wait until the node has reconciled. A
// client that left this node meanwhile may have sent the same messages elsewhere, and
// more after them.
//
// When the store has lost something, all messages that wait are answered Unknown, too.
// Messages that clients sent before may be lost, although they have the answers. A client
// whose connection is half open does not learn that here, and sends them again elsewhere.
// No waiting message may be stored ahead of those.
type queue struct {
	forwarder *Forwarder
	wake      chan struct{} // holds one
	lost      atomic.Bool   // the store has lost something since run looked

	mu   sync.Mutex
	came []*message

	// Owned by run.
	waiting []*message // in the order in which they came
	pause   routes.Backoff
	resting time.Time // no request before this
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
		switch next := nextRequest(q.waiting); {
		case len(next) == 0:
			select {
			case <-q.wake:
			case <-ctx.Done():
			}
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

// nextEvent returns when a resting queue has something to do: make the next request, or
// answer Unknown to the message that has waited longest.
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

// collect takes the new messages, except those whose client must first repeat a refused
// one.
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
// sends them again on its next connection. A message that was stored from there must
// not be stored once more from here.
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
			q.settle(m, &proto.SendResult{Code: int32(proto.Unknown)})
		}
		return !late[m.from]
	})
}

// keep drops the waiting messages that f does not want, and preserves the order.
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

// settle answers a message that leaves the queue.
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
