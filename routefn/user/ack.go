package user

import (
	"context"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
)

// Ack is POST /v1/ack. It moves the cursors of the caller's device forward, and sends
// delivery marks to the senders who requested them. An acknowledgement with the number of
// an earlier session changes nothing, and returns no error.
func (u *Requests) Ack(ctx context.Context, caller token.Token, q proto.AckPositions) (proto.AckAnswer, error) {
	if err := check.Ack(q.Number, q.Cursors); err != nil {
		return proto.AckAnswer{}, err
	}
	acking := record.Acking{User: caller.User, Device: caller.Device, Number: q.Number, Cursors: q.Cursors}
	if err := u.cfg.Store.Ack(ctx, []record.Acking{acking})[0]; err != nil {
		return proto.AckAnswer{}, err
	}
	u.cfg.Dispatch.Confirm(ctx, record.Shown{User: caller.User, Keys: q.Shown})
	return proto.AckAnswer{}, nil
}
