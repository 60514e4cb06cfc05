package delayed

import (
	"context"
	"fmt"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/op"
)

// longestPast is how far in the past the time of a delayed message may be. Such a message
// is due at once. So Schedule accepts a repetition that comes late. But it refuses a time
// in seconds that was given by mistake. Read as ms, that time lies in January 1970.
const longestPast = 24 * time.Hour

// Schedule keeps a message, unless the sender has scheduled a message with the same id.
// It returns the state of the message with that id, which is known until a day after its
// end. If it has not ended, Schedule also returns its entry. The errors are op.ErrInvalid
// for a time that is too far off, ErrTooMany, op.ErrUnavailable and op.ErrUnknown. After
// the last two, repeating is harmless.
func (s *Messages) Schedule(ctx context.Context, m Scheduling) (state Scheduled, entry []byte, err error) {
	o := ShardOf(m.User).script(scheduleScript, m.User, m.Key, m.ID, max(0, m.At), max(0, m.After), m.Entry,
		proto.MaxScheduled, proto.MaxAhead.Milliseconds(), longestPast.Milliseconds())
	s.db.Accept(ctx, "schedule", o)
	if o.Err != nil {
		return Scheduled{}, nil, o.Err
	}
	switch state := op.Text(o.Reply[0]); state {
	case "range":
		return Scheduled{}, nil, fmt.Errorf("%w: its time is too far off", op.ErrInvalid)
	case "many":
		return Scheduled{}, nil, ErrTooMany
	case "done":
		return ended(op.Integer(o.Reply[1]), op.Integer(o.Reply[2])), nil, nil
	default:
		wait := time.Duration(op.Integer(o.Reply[2])) * time.Millisecond
		return Scheduled{State: state, Due: op.Integer(o.Reply[1]), Wait: wait}, []byte(op.Text(o.Reply[3])), nil
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

// Cancel cancels a delayed message. Cancelling it again returns nil. It returns
// ErrTooLate if a route has begun to send the message, and ErrNotScheduled if the store
// does not know the id. Further errors are ErrUnavailable and ErrUnknown, after which
// repeating is harmless.
func (s *Messages) Cancel(ctx context.Context, user int64, id string) error {
	key := proto.Key(user, id)
	o := ShardOf(user).script(cancelScript, user, key, id)
	s.db.Accept(ctx, "cancel", o)
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
