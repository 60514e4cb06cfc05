package client

import (
	"slices"
	"time"
)

const (
	// window is how many messages may be unanswered on a connection: at a round
	// trip of 10 ms it lets 25,000 a second pass.
	window = 256
	// outboxMax is how many messages may be enqueued; then Enqueue blocks.
	outboxMax = 1024
	// longestHold bounds the pause after a refusal. The node has tried for seconds
	// before it refuses, and it is one connection of many that waits.
	longestHold = time.Second
)

// outbox holds the messages that no route has answered yet, in the order in
// which they were enqueued and are written. The client's mu guards it.
type outbox struct {
	list   []*Pending
	flying int       // of list, those written to the present connection and unanswered
	held   bool      // one was refused for now: nothing is written until all is answered
	retry  time.Time // not before, while held
	row    int       // refusals for now in a row
}

// add puts p behind all others. If it repeats one that was given up and is still
// without an answer, it takes that one's place instead and waits for the answer. It
// is not written again on this connection: a node that tells messages back takes a
// repetition for the sign that its sender knows of it, and lets all that follows
// pass before those that were told back.
func (o *outbox) add(p *Pending) {
	i := slices.IndexFunc(o.list, func(q *Pending) bool { return q.abandoned && q.out == p.out })
	if i < 0 {
		o.list = append(o.list, p)
		return
	}
	p.written, p.flying = true, true
	o.list[i] = p
}

// next returns what to write now, in order. After a refusal the first one says that
// all answers were heard: what was refused goes first, unless it was given up, and
// the node takes nothing else without that word.
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

// due is when next has something that it does not have now; false: only an event
// changes that.
func (o *outbox) due() (time.Time, bool) {
	return o.retry, o.held && o.flying == 0 && len(o.list) > 0
}

// find returns the message with the id that was written and not answered.
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

// refuse keeps a message that was refused for now, unless nobody waits for it. The
// ones behind it wait for it, and what comes later until all answers were heard: a
// sender's order is kept.
func (o *outbox) refuse(p *Pending, err error, now time.Time) {
	p.flying = false
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

// lost says that the connection is gone: what was unanswered is written first to
// the next one, except what nobody waits for any more.
func (o *outbox) lost() {
	o.flying = 0
	o.list = slices.DeleteFunc(o.list, func(p *Pending) bool { return p.flying && p.abandoned })
	for _, p := range o.list {
		p.flying = false
	}
}
