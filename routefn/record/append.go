package record

import (
	"context"
	"errors"
	"fmt"

	"github.com/cim-go/cim/proto"
)

// Append stores messages and answers with one Appended each.
//
// A private message is stored in the receiver's inbox and then in the sender's
// own, once if they are the same; a group's message in the group's log, if its
// sender is a member at that moment. In every
// log, messages stand in the order in which they are given here. All that goes to
// one log is one transaction: all of it is stored there, or nothing.
//
// A batch of first-time messages to inboxes that this Store has seen takes one
// round trip on a single server. Otherwise the senders' own copies are sent once
// the receivers' are stored. Messages marked Again are looked for first, in each
// log they belong to, and stored where they are missing; it takes a round trip more
// to see that their ids stand for nothing else, see claim.
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

// oneTrip reports whether receivers' and senders' copies may go out together:
// one server executes them in order, and no receiver may turn out to be missing
// once the sender has his copy.
func (s *Store) oneTrip(receivers []*batch) bool {
	if !s.door.single() {
		return false
	}
	for _, b := range receivers {
		if b.log.user != 0 && (b.again || !s.seen(b.log.user)) {
			return false
		}
	}
	return true
}

// seen reports whether a user's inbox was seen to be there.
func (s *Store) seen(user int64) bool {
	_, ok := s.known.get(user)
	return ok
}

// A draft has a receiver's copy and, unless it is a group's or a note to
// oneself, the sender's own.
const (
	receiverCopy = iota
	ownCopy
	copies
)

// draft is one message on its way into its logs.
type draft struct {
	*Message
	key    string
	stored []byte // what the logs store: once found in one, that
	at     int64  // time of the entry
	logs   [copies]logRef
	copy   [copies]*Copy
	err    [copies]error

	claimed  bool // its id stood for nothing before
	repeated bool // it was found
}

// newDraft encodes a message, under the time at which it was taken to be fired or
// else now; one that cannot be stored has an error already.
func newDraft(m *Message, now int64) *draft {
	d := &draft{Message: m, key: proto.Key(m.From, m.ID), at: now}
	if m.taken {
		d.at = m.Time
	}
	switch {
	case m.Group < 0:
		d.err[receiverCopy] = fmt.Errorf("group %d: %w", m.Group, ErrNoGroup)
	case m.Group != 0:
		d.logs[receiverCopy] = logRef{group: m.Group}
	default:
		d.logs[receiverCopy] = logRef{user: m.To}
		if m.From != m.To {
			d.logs[ownCopy] = logRef{user: m.From}
		}
	}
	if m.From <= 0 || m.Group == 0 && m.To <= 0 || !proto.ValidID(m.ID) {
		d.err[receiverCopy] = fmt.Errorf("%w: message %q from %d to %d", ErrInvalid, m.ID, m.From, m.To)
		return d
	}
	stored, err := proto.EncodeStored(d.key, &proto.Entry{
		FromName: m.FromName, To: m.To, Group: m.Group, Time: d.at, Text: m.Text, Confirm: m.Confirm,
	})
	if err != nil {
		d.err[receiverCopy] = fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	d.stored = stored
	return d
}

// found takes over the entry that an earlier try wrote; ErrIDReused if it is another
// message's.
func (d *draft) found(stored []byte) error {
	_, encoded, err := proto.SplitStored(stored)
	if err != nil {
		return err
	}
	e, err := decodeEntry(encoded)
	if err != nil {
		return err
	}
	if e.GetKind() == proto.Kind_EXPIRED { // what it was, nobody knows any more
		d.at, d.repeated = e.GetTime(), true
		return nil
	}
	if !d.same(e) {
		return ErrIDReused
	}
	d.stored, d.at, d.repeated = stored, e.GetTime(), true
	return nil
}

// answer sums up both copies. What is not in all its logs but may be in one must
// be looked for at the next try, so that it is ErrUnknown.
func (d *draft) answer() Appended {
	answer := Appended{Time: d.at, Repeated: d.repeated}
	touched := false
	for i := range copies {
		if d.copy[i] != nil {
			answer.Copies = append(answer.Copies, *d.copy[i])
			touched = true
		}
		touched = touched || errors.Is(d.err[i], ErrUnknown)
		if answer.Err == nil && d.err[i] != nil {
			answer.Err = fmt.Errorf("append %s: %w", d.key, d.err[i])
		}
	}
	if answer.Err == nil {
		return answer
	}
	switch {
	case touched && errors.Is(answer.Err, ErrUnavailable):
		answer.Err = fmt.Errorf("append %s: %w: not in all its logs", d.key, ErrUnknown)
	case touched && errors.Is(answer.Err, ErrNoUser): // the store has lost the sender, and the receiver has the message
		answer.Err = fmt.Errorf("append %s: %w: not in all its logs: %w", d.key, ErrUnknown, ErrNoUser)
	}
	return Appended{Err: answer.Err}
}
