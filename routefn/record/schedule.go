package record

import (
	"context"
	"fmt"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/delayed"
)

// Schedule stores a message that is to be sent when it is due. It is due at the time
// m.At, or m.After from now, by the store's clock. If the sender has scheduled a message
// with the same id, Schedule stores nothing and returns the state of that message. The
// store knows this state until a day after the message has ended. If the id stands for a
// message with other content, the error is ErrIDReused (see claim).
//
// A delayed message is accepted when as many replicas as Config.Replicas says have it,
// like an appended one. So is a cancellation.
//
// Messages of one user that are due in the same millisecond are fired in the order in
// which they were scheduled.
//
// The errors are ErrInvalid (also for a time that is too far away), ErrNoGroup,
// ErrTooMany, ErrIDReused, ErrUnavailable and ErrUnknown. After the last two, repeating
// is harmless. The receiver is looked up only when the message is due.
func (s *Store) Schedule(ctx context.Context, m Scheduling) (Scheduled, error) {
	now, err := s.Time(ctx)
	if err != nil {
		return Scheduled{}, fmt.Errorf("schedule: %w", err)
	}
	m.Again = true
	d := []*draft{newDraft(&m.Message, now)}
	s.claim(ctx, d, now)
	costs, exact := s.costsOf(d, now)
	beside, before := s.meetingsOf(d, now)
	s.permit(ctx, d, append(exact, costs...), append(before, beside...), nil)
	var a Scheduled
	if err = d[0].err[receiverCopy]; err != nil {
		err = fmt.Errorf("schedule %s: %w", d[0].key, err)
	} else {
		a, err = s.schedule(ctx, d[0], m)
	}
	d[0].look = false // it is in no log yet
	s.keepClaims(ctx, d, func(int) error { return err })
	return a, err
}

// schedule stores a message after claim has found its id free.
func (s *Store) schedule(ctx context.Context, d *draft, m Scheduling) (Scheduled, error) {
	entry, err := pb.Marshal(&proto.Entry{
		FromName: m.FromName, To: m.To, Group: m.Group, Text: m.Text, Confirm: m.Confirm,
	})
	if err != nil {
		return Scheduled{}, fmt.Errorf("schedule %s: %w: %w", d.key, ErrInvalid, err)
	}
	state, kept, err := s.later.Schedule(ctx, delayed.Scheduling{User: m.From, ID: m.ID, Key: d.key, Entry: entry, At: m.At, After: m.After})
	if err == nil && !d.repeats(kept) {
		err = ErrIDReused
	}
	if err != nil {
		return Scheduled{}, fmt.Errorf("schedule %s: %w", d.key, err)
	}
	return state, nil
}

// Cancel cancels a delayed message. Cancelling it again returns nil. It returns
// ErrTooLate if a route has begun to send the message, and ErrNotScheduled if the store
// does not know the id. Further errors are ErrUnavailable and ErrUnknown, after which
// repeating is harmless.
func (s *Store) Cancel(ctx context.Context, user int64, id string) error {
	return s.later.Cancel(ctx, user, id)
}
