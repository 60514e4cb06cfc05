package user

import (
	"cmp"
	"context"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
)

// Pull is POST /v1/pull. It returns the messages that follow a position in the caller's
// inbox or in the log of a group. An unreadable entry is logged and skipped.
func (u *Requests) Pull(ctx context.Context, caller token.Token, q proto.PullMessages) (*proto.PulledMessages, error) {
	if err := check.Pull(q.After, q.Limit); err != nil {
		return nil, err
	}
	if err := u.cfg.Store.Charge(ctx, record.PullBudget, 1); err != nil {
		return nil, err
	}
	begun := time.Now()
	pulled, err := u.cfg.Store.Fetch(ctx, caller.User, q.After, cmp.Or(q.Limit, proto.MaxPull))
	u.cfg.Timing.Answered(time.Since(begun))
	if err != nil {
		return nil, err
	}
	messages := make([]proto.Message, 0, len(pulled.Entries))
	for _, e := range pulled.Entries {
		m, err := e.Message()
		if err != nil {
			u.cfg.Log.Error("stored entry is unreadable", "user", caller.User, "log", q.After.Log, "number", e.GetAt().GetNumber(), "err", err)
			continue
		}
		messages = append(messages, m)
	}
	return &proto.PulledMessages{
		Epoch: pulled.Epoch, Oldest: pulled.Oldest, Newest: pulled.Newest, Messages: messages, Through: pulled.Through,
	}, nil
}
