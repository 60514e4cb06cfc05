package node

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

const (
	laneCount    = 4       // requests in flight; a connection keeps to one lane, so its order holds
	maxBatch     = 256     // items of a request
	maxBatchSize = 1 << 20 // bytes of their texts

	// maxRefused bounds the ids that are remembered of a connection, the latest:
	// more than a client has in flight.
	maxRefused = 1024
	// signTime is how long a sender may go on, after it was told to send again,
	// without a sign that it knows. What was on its way is read within that.
	signTime = 3 * time.Second

	// maxLanePause is short, because messages whose log is fine wait, too, while
	// those of another log fail.
	maxLanePause = 250 * time.Millisecond

	// unsurePause is how often a lane looks whether the node has reconciled, after
	// the process stood still.
	unsurePause = 20 * time.Millisecond
)

// outgoing is a message on its way to a route.
type outgoing struct {
	from  *session
	item  *proto.SendItem
	since time.Time
	heard bool // its sender had heard all answers when it wrote this

	// Owned by the lane.
	unknown bool // it was in a request whose outcome for it is unknown
	done    bool // its sender was answered
}

func (o *outgoing) size() int { return len(o.item.Text) + len(o.item.Id) + 64 }

// lane hands on the messages of some connections. One request is in flight; what
// comes meanwhile forms the next one.
//
// A message whose outcome is unknown goes first in the next request, marked
// again, and later ones of its connection wait behind it. After
// Config.SendTimeout its sender is told Unknown, and so for all that waited
// behind it and all that still comes, until the sender shows that it knows: what
// it wrote before it was told would otherwise overtake that message. See refusals.
//
// A route that has too much to do says so before it stores anything: what was
// refused so waits for as long as it said and goes as it is. What waits is bounded
// by owe.
//
// After the process stood still, all waits until the node has reconciled: a client
// that gave this node up has sent the same elsewhere, and more behind it.
type lane struct {
	node *Node
	wake chan struct{} // holds one

	mu   sync.Mutex
	came []*outgoing

	// Owned by run.
	waiting []*outgoing // in the order they came
	pause   backoff
	resting time.Time // no request before
}

func newLane(n *Node) *lane {
	return &lane{node: n, wake: make(chan struct{}, 1), pause: backoff{most: maxLanePause}}
}

// send takes a SEND frame of an open session.
func (s *session) send(f *proto.Frame) {
	if code := sendable(f); code != proto.OK {
		s.answer(f.Id, &proto.SendResult{Code: int32(code)})
		return
	}
	if s.sending == nil {
		s.sending = new(sending)
	}
	suspect := s.node.used.add(s.entry.User(), f.Id) || !s.sending.novelty.shown.Load()
	o := &outgoing{from: s, since: time.Now(), heard: f.Heard, item: &proto.SendItem{
		Session: s.current(), Id: f.Id, To: f.To, Group: f.Group, Text: f.ReqMsg, Again: f.Again || suspect,
		Confirm: f.Confirm,
	}}
	s.owe(1, o.size())
	s.node.lanes[s.link.ID()%laneCount].add(o)
}

// sendable is what can be said of a message without asking a route.
func sendable(f *proto.Frame) proto.Code {
	one := (f.To > 0) != (f.Group > 0)
	if !proto.ValidID(f.Id) || !one || f.Confirm && f.Group > 0 || f.To < 0 || f.Group < 0 || f.To > proto.MaxUser || f.ReqMsg == "" {
		return proto.Invalid
	}
	return proto.OK
}

// owe changes what the session has at its lane. Too much of it stops the reading
// of its link, which is the back-pressure towards a sender. When all sessions
// together have too much, each may have one message there, and what its reader
// had read already: so the last answer to its own lets it go on, and nobody has
// to be woken.
func (s *session) owe(messages, bytes int) {
	all := s.node.backlog.Add(int64(bytes))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unanswered += int32(messages)
	s.bytes += int32(bytes)
	over := s.unanswered >= maxUnanswered || s.bytes >= maxUnansweredBytes ||
		s.unanswered > 0 && all > int64(s.node.config.BacklogBytes)
	if over != s.held {
		s.held = over
		s.link.Hold(over)
	}
}

// answer tells the sender what became of a message.
func (s *session) answer(id string, r *proto.SendResult) {
	code := proto.Code(r.Code)
	f := &proto.Frame{
		Cmd: proto.Command_SEND_ANSWER, Id: id, Code: r.Code, ReqMsg: r.Message, At: r.At, Prev: r.Prev, Time: r.Time,
	}
	if code != proto.OK && f.ReqMsg == "" {
		f.ReqMsg = code.Text()
	}
	s.node.metrics.sends.WithLabelValues(code.String()).Inc()
	s.link.Send(link.NewPacket(f))
}

func (l *lane) add(o *outgoing) {
	l.mu.Lock()
	l.came = append(l.came, o)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run hands on until ctx ends. What then waits is dropped unanswered: its
// senders send it again.
func (l *lane) run(ctx context.Context) {
	for ctx.Err() == nil {
		l.collect()
		now := time.Now()
		l.expire(now)
		switch batch := nextBatch(l.waiting); {
		case len(batch) == 0:
			select {
			case <-l.wake:
			case <-ctx.Done():
			}
		case now.Before(l.resting):
			sleepUntil(ctx, l.nextEvent())
		case !l.node.reconciler.sure(now):
			l.node.reconciler.hurry()
			sleepUntil(ctx, now.Add(unsurePause))
		default:
			l.try(ctx, batch)
		}
	}
}

// nextEvent returns when a resting lane has something to do: go on, or tell the
// sender that has waited longest that the outcome is unknown.
func (l *lane) nextEvent() time.Time {
	expires := l.waiting[0].since.Add(l.node.config.SendTimeout)
	if expires.Before(l.resting) {
		return expires
	}
	return l.resting
}

func (l *lane) try(ctx context.Context, batch []*outgoing) {
	if err := l.hand(ctx, batch); err != nil {
		l.resting = l.pause.next(err)
		return
	}
	l.pause.reset()
}

func (l *lane) collect() {
	l.mu.Lock()
	came := slices.Clone(l.came)
	clear(l.came)
	l.came = l.came[:0]
	l.mu.Unlock()
	for _, o := range came {
		switch r := o.from.sending.refused; {
		case r == nil || r.known(o):
			o.from.sending.refused = nil
			l.waiting = append(l.waiting, o)
		case r.deaf(o):
			o.from.link.Close(proto.Unavailable, "Send again what was not stored.")
			o.from.owe(-1, -o.size())
		default:
			l.settle(o, &proto.SendResult{Code: int32(proto.Unknown)})
		}
	}
}

// refusals is what the sender on a connection was told to send again. Until it
// shows that it knows, nothing else is taken, or what it wrote before it knew would
// be stored before what it sends again.
type refusals struct {
	ids   []string  // the latest maxRefused, oldest first
	first time.Time // when the sender was told of the first one
}

// known reports whether a message shows that its sender knows: it says so, or it
// is one of those that were refused.
func (r *refusals) known(o *outgoing) bool { return o.heard || slices.Contains(r.ids, o.item.Id) }

// deaf reports whether a sender has gone on for too long without a sign. It would
// be told the same for ever. On its next connection it begins anew, and nothing
// that it wrote to this one can come behind that.
func (r *refusals) deaf(o *outgoing) bool { return o.since.Sub(r.first) > signTime }

func (r *refusals) add(id string) {
	if len(r.ids) == maxRefused {
		r.ids = slices.Delete(r.ids, 0, 1)
	}
	r.ids = append(r.ids, id)
}

// expire gives up messages that waited too long, and those of sessions that have
// gone: a client sends them again on its next connection, and what it repeated
// there must not be stored after it from here.
func (l *lane) expire(now time.Time) {
	late := make(map[*session]bool)
	l.keep(func(o *outgoing) bool {
		if o.from.at() == closed {
			o.from.owe(-1, -o.size())
			return false
		}
		if now.Sub(o.since) >= l.node.config.SendTimeout {
			late[o.from] = true
		}
		if late[o.from] {
			l.settle(o, &proto.SendResult{Code: int32(proto.Unknown)})
		}
		return !late[o.from]
	})
}

// keep drops the waiting messages that f does not want kept, in order.
func (l *lane) keep(f func(*outgoing) bool) {
	kept := l.waiting[:0]
	for _, o := range l.waiting {
		if f(o) {
			kept = append(kept, o)
		}
	}
	clear(l.waiting[len(kept):])
	l.waiting = kept
}

// settle answers the sender of a message that leaves the lane.
func (l *lane) settle(o *outgoing, r *proto.SendResult) {
	if code := proto.Code(r.Code); code != proto.OK && code.Retry() != proto.RetryNever {
		if o.from.sending.refused == nil {
			o.from.sending.refused = &refusals{first: time.Now()}
		}
		o.from.sending.refused.add(o.item.Id)
	}
	if at := r.At; at != nil && r.Code == 0 {
		o.from.heardOwn(at, o.item)
	}
	o.from.answer(o.item.Id, r)
	o.from.owe(-1, -o.size())
}

// heardOwn notes where the sender's own copy stands: it is not pushed to this
// connection, which learns it from the answer.
func (s *session) heardOwn(at *proto.Mark, item *proto.SendItem) {
	s.node.hub.Know(&s.entry, &proto.Mark{
		Log: at.Log, Epoch: at.Epoch, Number: at.Number, Key: proto.Key(s.entry.User(), item.Id),
	})
}
