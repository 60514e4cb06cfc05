package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/record"
)

// Schedule serves POST /v1/schedule: it keeps a message that is to be sent later
// and answers with how it stands. Whoever repeats a request repeats its id, and
// nothing more is scheduled.
func (rt *Route) Schedule(w http.ResponseWriter, r *http.Request) {
	rt.serveCaller(w, r, "schedule", func(ctx context.Context, caller token.Token) (any, error) {
		var q proto.ScheduleMessage
		if err := decodeJSON(w, r, rt.cfg.MaxBody, &q); err != nil {
			return nil, err
		}
		if err := rt.checkMessage(q.ID, q.To, q.Group, q.Text, q.Confirm); err != nil {
			return nil, err
		}
		if q.At < 0 || q.After < 0 || (q.At == 0) == (q.After == 0) {
			return nil, invalid("A delayed message has either a time or a delay in milliseconds.")
		}
		return rt.schedule(ctx, caller, q)
	})
}

func (rt *Route) schedule(ctx context.Context, by token.Token, q proto.ScheduleMessage) (proto.Scheduled, error) {
	if err := rt.checkReceiver(ctx, by.User, q.To, q.Group); err != nil {
		return proto.Scheduled{}, err
	}
	s, err := rt.cfg.Store.Schedule(ctx, record.Scheduling{
		Message: record.Message{
			From: by.User, FromName: by.Name, ID: q.ID, To: q.To, Group: q.Group, Text: q.Text, Confirm: q.Confirm,
		},
		At: q.At, After: q.After,
	})
	if err == nil && s.State == proto.StatePending {
		rt.wake(ctx, s.Wait)
	}
	return proto.Scheduled{ID: q.ID, State: s.State, Due: s.Due, Code: s.Code}, err
}

// checkReceiver refuses what could not be sent now, so that its sender learns of a
// slip at once. What counts is found out when it fires.
func (rt *Route) checkReceiver(ctx context.Context, from, to, group int64) error {
	switch group {
	case 0:
		_, err := rt.cfg.Store.AccountByID(ctx, to)
		return err
	case proto.Everyone:
		return nil
	default:
		_, err := rt.cfg.Store.Members(ctx, from, group, 0, 1)
		return err
	}
}
