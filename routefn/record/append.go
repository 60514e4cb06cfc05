package record

import (
	"context"
	"fmt"
	"slices"

	"github.com/cim-go/cim/routefn/record/op"
)

// Append stores messages and returns one Appended per message.
//
// A private message is stored in the receiver's inbox and then in the sender's. A message
// to oneself is stored once. A group's message is stored in the group's log, if its
// sender is a member at that moment. In every log, messages have the order of this call.
// One transaction stores all messages of a call for one log, so either all of them are
// stored there, or none.
//
// On a single server, a call takes one round trip if no message is marked Again and this
// Store has seen all the inboxes. Otherwise it stores the receivers' copies first, and
// then the senders' own copies. It does so, too, if many messages wait in a receiver's
// inbox (full.go), or if a receiver refused the sender before (guard.go). A message that
// is marked Again is searched for in each of its logs, and stored where it is missing.
// Before that, one more round trip checks that the id of the message does not stand for
// another message (claim). A call also takes one more round trip if a sender's budget of
// messages is nearly used up (costsOf).
func (s *Store) Append(ctx context.Context, messages []Message) []Appended {
	now, err := s.Time(ctx)
	if err != nil {
		answers := make([]Appended, len(messages))
		for i := range answers {
			answers[i].Err = fmt.Errorf("append: %w", err)
		}
		return answers
	}
	drafts := make([]*draft, len(messages))
	for i := range messages {
		drafts[i] = newDraft(&messages[i], now)
	}
	refuseLate(drafts, now)
	s.claim(ctx, drafts, now)
	return s.appendClaimed(ctx, drafts, now)
}

// appendClaimed stores the drafts that have no error yet.
func (s *Store) appendClaimed(ctx context.Context, drafts []*draft, now int64) []Appended {
	costs, exact := s.costsOf(drafts, now)
	beside, before := s.meetingsOf(drafts, now)
	s.permit(ctx, drafts, exact, before, s.crowded(drafts))
	notes, ahead := s.notes(drafts, now)
	more := make([]*op.Op, 0, len(costs)+len(beside))
	for _, c := range costs {
		if o := s.add(c); o != nil {
			more = append(more, o)
		}
	}
	for _, m := range beside {
		more = append(more, m.op)
	}
	receivers := batchesOf(drafts, receiverCopy)
	for _, b := range receivers {
		b.tight, b.guarded = s.tight(b), s.asks(b)
	}
	var own []*batch
	if s.oneTrip(receivers) {
		own = batchesOf(drafts, ownCopy)
		s.store(ctx, ahead, slices.Concat(receivers, own), more...)
		s.recall(ctx, receivers)
		s.recallOwn(ctx, drafts)
	} else {
		s.store(ctx, ahead, receivers, more...)
		s.recall(ctx, receivers)
		own = batchesOf(drafts, ownCopy) // only of drafts without an error
		s.store(ctx, nil, own)
	}
	s.noted(ctx, notes, now)
	batches := slices.Concat(receivers, own)
	s.unite(ctx, batches)
	for _, b := range batches {
		b.recycle()
	}
	s.settleMeetings(beside)
	s.settleCosts(ctx, costs)
	answers := make([]Appended, len(drafts))
	for i, d := range drafts {
		answers[i] = d.answer()
	}
	s.keepClaims(ctx, drafts, func(i int) error { return answers[i].Err })
	return answers
}

// permit runs the ops whose answers decide which drafts may be stored. It refuses the
// other drafts.
func (s *Store) permit(ctx context.Context, drafts []*draft, exact []*cost, meetings []*meeting, crowded []*ownInbox) {
	ops := make([]*op.Op, 0, len(exact)+len(meetings)+len(crowded))
	for _, c := range exact {
		ops = append(ops, s.take(c))
	}
	for _, m := range meetings {
		ops = append(ops, m.op)
	}
	for _, own := range crowded {
		ops = append(ops, own.trim)
	}
	s.Run(ctx, "claim", ops...)
	s.granted(exact)
	refused := s.settleMeetings(meetings)
	for _, d := range drafts {
		if err := refused[pair{d.From, d.To}]; err != nil && d.Group == 0 && d.err[receiverCopy] == nil {
			d.err[receiverCopy] = err
		}
	}
	s.refuseCrowded(drafts, crowded)
}

// oneTrip reports whether receivers' and senders' copies may be sent in one pipeline.
// There must be a single server, which executes them in order. The receivers must be
// known to exist, because the sender must get no copy of a message to nobody.
func (s *Store) oneTrip(receivers []*batch) bool {
	if !s.Topology.Single() {
		return false
	}
	for _, b := range receivers {
		if _, seen := s.inboxes.Get(b.log.User); b.log.User != 0 && (b.again || b.tight || !seen || s.refusedBefore(b)) {
			return false
		}
	}
	return true
}
