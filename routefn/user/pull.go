package user

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/body"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
)

// Pull is POST /v1/pull. It returns the messages that follow a position in the caller's
// inbox or in the log of a group.
func (u *Requests) Pull(ctx context.Context, caller token.Token, q proto.PullMessages) (body.Forms, error) {
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
	return page{pulled, u.cfg.Log.With("user", caller.User)}, nil
}

// page is an answer to Pull.
type page struct {
	record.Pulled
	log *slog.Logger
}

func (p page) Protobuf() pb.Message { return proto.NewPage(p.Newest, p.Through, p.Oldest, p.Entries) }

// JSON leaves out and logs entries that cannot be read.
func (p page) JSON() []byte {
	answer := proto.PulledMessages{
		Epoch: p.Epoch, Oldest: p.Oldest, Newest: p.Newest, Through: p.Through, Messages: make([]proto.Message, 0, len(p.Entries)),
	}
	for _, e := range p.Entries {
		m, err := e.Message()
		if err != nil {
			p.log.Error("stored entry is unreadable", "log", p.Newest.Log, "number", e.GetAt().GetNumber(), "err", err)
			continue
		}
		answer.Messages = append(answer.Messages, m)
	}
	return answer.AppendJSON(nil)
}
