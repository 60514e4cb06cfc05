package user

import (
	"context"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/dispatch"
	"github.com/cim-go/cim/routefn/push"
	"github.com/cim-go/cim/routefn/record"
)

// Send is POST /v1/send. It stores a message in every log it belongs to, pushes it, and
// answers with the position of the sender's own copy. A repeated request has the same id.
// It does not store the message again, and gets the position of the stored message.
// Another message under the same id is refused with the code IDReused.
func (u *Requests) Send(ctx context.Context, caller token.Token, q proto.SendMessage) (proto.SendReceipt, error) {
	m := record.Message{ID: q.ID, To: q.To, Group: q.Group, Text: q.Text, Claim: true, First: q.FirstTry, Confirm: q.Confirm}
	if err := check.Message(&m, u.cfg.MaxText); err != nil {
		return proto.SendReceipt{}, err
	}
	by := dispatch.Sender{Origin: push.Origin{User: caller.User, Device: caller.Device}, Name: caller.Name}
	stored, err := u.cfg.Dispatch.One(ctx, by, m)
	if err != nil {
		return proto.SendReceipt{}, err
	}
	return receipt(q.ID, stored), nil
}

func receipt(id string, a *record.Appended) proto.SendReceipt {
	own := a.Own().Stored
	at := own.GetAt().Position()
	at.Key = own.GetKey()
	return proto.SendReceipt{ID: id, Time: a.Time, At: at, Prev: own.GetPrev()}
}
