package record

import (
	"context"
	"fmt"
	"time"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/op"
)

// longestPast is how far in the past the time of a delayed message may be. Such a
// message is due at once. So a late repetition is taken, but a time in seconds instead
// of ms, which would be in January 1970, is refused.
const longestPast = 24 * time.Hour

// Schedule stores a message that is to be sent when it is due: at m.At, or m.After from
// now, by the store's clock. If the sender has scheduled a message with the same id,
// Schedule stores nothing and returns the state of that message, until a day after it
// has ended. If the id stands for a message with other content, the error is
// ErrIDReused, see claim. The store notices that until five minutes after the other
// message has ended.
//
// Like an appended message, a delayed message is accepted when Config.Replicas have it.
// The same holds for a cancellation.
//
// Messages of one user that are due in the same millisecond are fired in the order in
// which they were scheduled.
//
// The errors are ErrInvalid, also for a time that is too far off, ErrNoGroup,
// ErrTooMany, ErrIDReused, ErrUnavailable and ErrUnknown. After the last two, repeating
// is harmless. The receiver is looked up only when the message is due.
func (s *Store) Schedule(ctx context.Context, m Scheduling) (Scheduled, error) {
	now, err := s.Time(ctx)
	if err != nil {
		return Scheduled{}, fmt.Errorf("schedule: %w", err)
	}
	m.Again = true
	d := []*draft{newDraft(&m.Message, now)}
	_, meetings := s.meetingsOf(d, now)
	if s.claim(ctx, d, nil, meetings, nil); d[0].err[receiverCopy] != nil {
		return Scheduled{}, fmt.Errorf("schedule %s: %w", d[0].key, d[0].err[receiverCopy])
	}
	a, err := s.schedule(ctx, d[0], m)
	s.release(ctx, d, func(int) error { return err })
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
	o := shardOf(m.From).script(scheduleScript, m.From, d.key, m.ID, max(0, m.At), max(0, m.After), entry,
		proto.MaxScheduled, proto.MaxAhead.Milliseconds(), longestPast.Milliseconds())
	s.Accept(ctx, "schedule", o)
	if o.Err != nil {
		return Scheduled{}, fmt.Errorf("schedule %s: %w", d.key, o.Err)
	}
	switch state := op.Text(o.Reply[0]); state {
	case "range":
		return Scheduled{}, fmt.Errorf("schedule %s: %w: its time is too far off", d.key, ErrInvalid)
	case "many":
		return Scheduled{}, fmt.Errorf("schedule %s: %w", d.key, ErrTooMany)
	case "done":
		return ended(op.Integer(o.Reply[1]), op.Integer(o.Reply[2])), nil
	default:
		if !d.repeats([]byte(op.Text(o.Reply[3]))) {
			return Scheduled{}, fmt.Errorf("schedule %s: %w", d.key, ErrIDReused)
		}
		wait := time.Duration(op.Integer(o.Reply[2])) * time.Millisecond
		return Scheduled{State: state, Due: op.Integer(o.Reply[1]), Wait: wait}, nil
	}
}

// The store keeps the reason why a delayed message ended as one of these numbers. A
// larger number is the proto.Code with which the message was dropped.
const (
	whyFired     = 0
	whyCancelled = 1
)

// ended returns the state of a message that has ended. The parameter at is the time
// when it ended, in ms, and why is the reason.
func ended(at, why int64) Scheduled {
	switch why {
	case whyFired:
		return Scheduled{State: proto.StateSent, Due: at}
	case whyCancelled:
		return Scheduled{State: proto.StateCancelled, Due: at}
	default:
		return Scheduled{State: proto.StateDropped, Due: at, Code: proto.Code(why)}
	}
}

// Cancel cancels a delayed message. Cancelling it again is no error. It returns
// ErrTooLate if a route has begun to send the message, and ErrNotScheduled if the store
// does not know the id. Further errors are ErrUnavailable and ErrUnknown, after which
// repeating is harmless.
func (s *Store) Cancel(ctx context.Context, user int64, id string) error {
	key := proto.Key(user, id)
	o := shardOf(user).script(cancelScript, user, key, id)
	s.Accept(ctx, "cancel", o)
	err := o.Err
	if err == nil {
		switch op.Text(o.Reply[0]) {
		case "late":
			err = ErrTooLate
		case "none":
			err = ErrNotScheduled
		}
	}
	if err != nil {
		return fmt.Errorf("cancel %s: %w", key, err)
	}
	return nil
}
