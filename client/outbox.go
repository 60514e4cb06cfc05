package client

import (
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
)

const (
	// window is how many messages may be unanswered on a connection. With a round trip
	// of 10 ms, that allows 25,000 messages per second.
	window = 256
	// outboxMax is how many messages the outbox holds. If it is full, Enqueue blocks.
	outboxMax = 1024
	// longestHold bounds the pause after a refusal. It can be short, because the node
	// has tried for seconds before it refuses.
	longestHold = time.Second
)

// outbox holds the messages that no route has answered yet, in the order in
// which they were enqueued and are written. The client's mu guards it.
type outbox struct {
	list   []*Pending
	flying int       // how many of list are written to the present connection and unanswered
	held   bool      // a message was refused for now, so nothing is written until all are answered
	retry  time.Time // the earliest time of the next write, while held is set
	row    int       // how many times in a row a message was refused for now
}

// add puts the message p behind all others. A sender may have given up a message that has
// no answer yet. If p repeats that message, p takes its place and waits for its answer.
// Then p is not written again on this connection. A node that refuses messages would take
// a repetition as a sign that the sender knows of the refusal. It would accept later
// messages before the refused ones, and the order would be lost.
func (o *outbox) add(p *Pending) {
	i := slices.IndexFunc(o.list, func(q *Pending) bool { return q.abandoned && q.out == p.out })
	if i < 0 {
		o.list = append(o.list, p)
		return
	}
	p.written, p.flying, p.unsure = true, true, o.list[i].unsure
	o.list[i] = p
}

// next returns the messages to write now, in order. After a refusal the first one is
// marked as Heard, which means that the client has read all answers. Until that message
// comes, the node refuses all others. Refused messages go before later ones, unless their
// senders gave them up.
func (o *outbox) next(now time.Time) []*Pending {
	heard := o.held
	if o.held && (o.flying > 0 || now.Before(o.retry)) {
		return nil
	}
	var out []*Pending
	for _, p := range o.list {
		if o.flying >= window {
			break
		}
		if p.flying {
			continue
		}
		p.flying, p.heard = true, heard
		heard, o.held = false, false
		o.flying++
		out = append(out, p)
	}
	return out
}

// due returns the time from which next may have messages to write. It returns false if
// that depends on an event and not on time.
func (o *outbox) due() (time.Time, bool) {
	return o.retry, o.held && o.flying == 0 && len(o.list) > 0
}

// find returns the message with this id if it was written and is not answered yet, or
// nil.
func (o *outbox) find(id string) *Pending {
	i := slices.IndexFunc(o.list, func(p *Pending) bool { return p.flying && p.out.ID == id })
	if i < 0 {
		return nil
	}
	return o.list[i]
}

// remove takes an answered message out.
func (o *outbox) remove(p *Pending) {
	i := slices.Index(o.list, p)
	if i < 0 {
		return
	}
	if p.flying {
		o.flying--
	}
	o.list = slices.Delete(o.list, i, i+1)
	o.row = 0
}

// refuse handles the answer that p is refused for now. The message p stays in the outbox,
// unless its sender has given it up. Nothing is written until all messages in flight are
// answered. The next write begins with the first refused message, so the order is kept.
func (o *outbox) refuse(p *Pending, err *proto.Error, now time.Time) {
	p.flying, p.refusal = false, err
	p.unsure = p.unsure || err.Code == proto.Unknown
	o.flying--
	if !o.held {
		delay, _ := retryDelay(err, o.row)
		o.held, o.retry = true, now.Add(min(delay, longestHold))
		o.row++
	}
	if p.abandoned {
		o.list = slices.DeleteFunc(o.list, func(q *Pending) bool { return q == p })
	}
}

// lost handles the loss of the connection. On the next connection the unanswered messages
// are written first, except those for which no caller waits any more.
func (o *outbox) lost() {
	o.flying = 0
	o.list = slices.DeleteFunc(o.list, func(p *Pending) bool { return p.flying && p.abandoned })
	for _, p := range o.list {
		p.flying, p.unsure = false, p.unsure || p.flying
	}
}
