package user

import (
	"context"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/role"
)

// Schedule is POST /v1/schedule. It stores a message that is to be sent later, and
// answers with the message's state. A repeated request has the same id, and does not
// schedule another message.
func (u *Requests) Schedule(ctx context.Context, caller token.Token, q proto.ScheduleMessage) (proto.Scheduled, error) {
	m := record.Message{
		From: caller.User, FromName: caller.Name, ID: q.ID, To: q.To, Group: q.Group, Text: q.Text, Confirm: q.Confirm,
		First: q.FirstTry,
	}
	if err := check.Message(&m, u.cfg.MaxText); err != nil {
		return proto.Scheduled{}, err
	}
	if q.At < 0 || q.After < 0 || (q.At == 0) == (q.After == 0) {
		return proto.Scheduled{}, check.Invalid("A delayed message has either a time or a delay in milliseconds.")
	}
	if err := u.checkReceiver(ctx, &m); err != nil {
		return proto.Scheduled{}, err
	}
	s, err := u.cfg.Store.Schedule(ctx, record.Scheduling{Message: m, At: q.At, After: q.After})
	if err == nil && s.State == proto.StatePending {
		u.cfg.Waker.Wake(ctx, s.Wait)
	}
	return proto.Scheduled{ID: q.ID, State: s.State, Due: s.Due, Code: s.Code}, err
}

// checkReceiver refuses a message that could not be sent now. So the sender notices a
// mistake at once. The message is checked again when it is due, and only that check
// decides.
func (u *Requests) checkReceiver(ctx context.Context, m *record.Message) error {
	switch m.Group {
	case 0:
		_, err := u.cfg.Store.AccountByID(ctx, m.To)
		return err
	case proto.Everyone:
		return u.cfg.Store.ReachEveryone(ctx, m.From)
	default:
		has, err := u.cfg.Store.RoleIn(ctx, m.From, m.Group)
		switch {
		case err != nil:
			return err
		case has == role.Stranger:
			return record.ErrNotMember
		case !has.MayWrite():
			return record.ErrForbidden
		}
		return nil
	}
}
