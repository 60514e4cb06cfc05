package user

import (
	"context"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
)

// Cancel is POST /v1/cancel. It cancels a delayed message of the caller. The error has
// the code TooLate if the message is being sent already, and NotScheduled if the id is
// unknown. Cancelling twice returns no error.
func (u *Requests) Cancel(ctx context.Context, caller token.Token, q proto.CancelMessage) (proto.CancelAnswer, error) {
	if !proto.ValidID(q.ID) {
		return proto.CancelAnswer{}, check.Invalid("The id is not the id of a message.")
	}
	return proto.CancelAnswer{}, u.cfg.Store.Cancel(ctx, caller.User, q.ID)
}
