package dispatch

import (
	"context"
	"sync"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/pass"
)

const (
	// mostGathered is how many messages a round has at most.
	mostGathered = 256
	// patience is how long a round waits for the one before. If a server of the store
	// stands still, other rounds go on beside the round that waits for it.
	patience = 10 * time.Millisecond
	// company is how long a round waits until it has as many messages as the one before.
	// The callers of that earlier round have just got their answers, and may come again.
	company = 2 * time.Millisecond
	// roundTime is how long a round may take. A round belongs to many requests, so none of
	// them ends it.
	roundTime = 10 * time.Second
)

// gathering lets requests share calls of the store. While a round of messages is being
// stored, the requests that come form the next one. So a message among many costs the
// store a third of the work for a single message. A single message does not wait. The
// first request of a round stores all of its messages, and no goroutine outlives its
// request.
type gathering struct {
	mu   sync.Mutex
	next *round        // the round that has not begun and has a place; nil: there is none
	last chan struct{} // closed when the latest round is over; nil: there was none
	size int           // how many messages the latest round had when it began
}

// round has messages that are stored together.
type round struct {
	before   <-chan struct{} // closed when the round before is over; nil: there was none
	messages []record.Message
	enough   int           // how many messages the round waits for
	full     chan struct{} // closed when it has enough
	over     chan struct{} // closed when stored is set
	stored   []record.Appended
}

// join adds a message to the next round, and returns the message's index in the round. If
// the index is zero, the caller has to run the round.
func (g *gathering) join(m record.Message) (r *round, index int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.next == nil {
		g.next = &round{before: g.last, enough: max(g.size, 1), full: make(chan struct{}), over: make(chan struct{})}
		g.last = g.next.over
	}
	r = g.next
	r.messages = append(r.messages, m)
	if len(r.messages) == r.enough {
		close(r.full)
	}
	if len(r.messages) == mostGathered {
		g.next = nil
	}
	return r, len(r.messages) - 1
}

// begin makes r a round that no more requests join.
func (g *gathering) begin(r *round) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.next == r {
		g.next = nil
	}
	g.size = len(r.messages)
}

// await blocks until the round may begin.
func (r *round) await() {
	if r.before == nil {
		return
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-r.before:
	case <-late.C:
		return
	}
	late.Reset(company)
	select {
	case <-r.full:
	case <-late.C:
	}
}

// One stores one message of a client, and pushes it if it was stored. The message is
// stored together with those of other requests that come at the same time. The same call
// of the store judges the pass of ctx. Requests that come at the same time have no order
// among them. If ctx ends before the answer comes, the error has the code proto.Unknown.
func (d *Dispatcher) One(ctx context.Context, by Sender, m record.Message) (*record.Appended, error) {
	m.From, m.FromName = by.User, by.Name
	ctx, m.Pass = pass.Take(ctx)
	r, index := d.gathering.join(m)
	if index == 0 {
		r.await()
		d.gathering.begin(r)
		d.run(ctx, r)
	}
	select {
	case <-r.over:
	case <-ctx.Done():
		return nil, proto.Err(proto.Unknown, "")
	}
	a := &r.stored[index]
	if a.Err != nil {
		return nil, a.Err
	}
	out := d.pusher.Begin()
	defer out.Send()
	out.Deliver(by.Origin, a)
	return a, nil
}

// run stores the messages of a round. Even if the store panics, run ends the wait of the
// round's requests.
func (d *Dispatcher) run(ctx context.Context, r *round) {
	defer close(r.over)
	r.stored = make([]record.Appended, len(r.messages))
	for i := range r.stored {
		r.stored[i].Err = record.ErrUnknown
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), roundTime)
	defer cancel()
	copy(r.stored, d.Append(ctx, r.messages))
}
