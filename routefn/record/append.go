package record

import (
	"context"
	"fmt"
)

// Append stores messages and returns one Appended per message.
//
// A private message is stored in the receiver's inbox and then in the sender's own. If
// both are the same, it is stored once. A group's message is stored in the group's log,
// if its sender is a member at that moment. In every log, messages stand in the order
// of this call. The messages for one log are one transaction, so all of them are stored
// there, or none.
//
// A batch of first-time messages to inboxes that this Store has seen takes one round
// trip on a single server. Otherwise the senders' own copies are sent once the
// receivers' are stored. Messages marked Again are first searched for in each of their
// logs, and stored where they are missing. One more round trip checks that their ids do
// not stand for other messages, see claim.
func (s *Store) Append(ctx context.Context, messages []Message) []Appended {
	answers := make([]Appended, len(messages))
	now, err := s.now(ctx)
	if err != nil {
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
	s.claim(ctx, drafts)
	receivers := batchesOf(drafts, receiverCopy)
	if s.oneTrip(receivers) {
		s.store(ctx, append(receivers, batchesOf(drafts, ownCopy)...))
	} else {
		s.store(ctx, receivers)
		s.store(ctx, batchesOf(drafts, ownCopy)) // of those that got this far
	}
	for i, d := range drafts {
		answers[i] = d.answer()
	}
	s.release(ctx, drafts, func(i int) error { return answers[i].Err })
	return answers
}

// oneTrip reports whether receivers' and senders' copies may go out together. This
// needs one server that executes them in order. It also needs receivers that surely
// exist, because the sender must get no copy of a message without a receiver.
func (s *Store) oneTrip(receivers []*batch) bool {
	if !s.topology.single() {
		return false
	}
	for _, b := range receivers {
		if _, seen := s.inboxes.get(b.log.user); b.log.user != 0 && (b.again || !seen) {
			return false
		}
	}
	return true
}
