package user

import (
	"context"
	"net/url"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
)

// Delivered is GET /v1/delivered. It is about a private message that the caller sent. It
// reports whether any device of the receiver has a cursor at or behind the message. This
// is authoritative. It works even if the message did not request a delivery mark.
func (u *Requests) Delivered(ctx context.Context, caller token.Token, q url.Values) (proto.DeliveredAnswer, error) {
	id := q.Get("id")
	if !proto.ValidID(id) {
		return proto.DeliveredAnswer{}, check.Invalid("The id is not the id of a message.")
	}
	to, err := proto.ParseNumber(q.Get("to"))
	if err != nil || !check.ValidUser(to) {
		return proto.DeliveredAnswer{}, check.Invalid("The receiver is not a user id.")
	}
	return u.delivered(ctx, to, proto.Key(caller.User, id))
}

// delivered searches a user's inbox for the message with the key. Then it reads the
// cursors, so that a cursor that moves in between counts.
func (u *Requests) delivered(ctx context.Context, user int64, key string) (proto.DeliveredAnswer, error) {
	at, err := u.cfg.Store.Find(ctx, user, key)
	if err != nil || at.Number == 0 {
		return proto.DeliveredAnswer{}, err
	}
	devices, err := u.cfg.Store.Cursors(ctx, user)
	if err != nil {
		return proto.DeliveredAnswer{}, err
	}
	return proto.DeliveredAnswer{Found: true, Delivered: passed(devices, at)}, nil
}

// passed reports whether the cursor of any device shows that the device has read the
// inbox up to the given position. A cursor of another epoch does not count, because it
// belongs to an inbox that was lost.
func passed(devices map[string][]proto.Position, at proto.Position) bool {
	for _, cursors := range devices {
		if slices.ContainsFunc(cursors, func(c proto.Position) bool {
			return c.Log == proto.Inbox && c.Epoch == at.Epoch && c.Number >= at.Number
		}) {
			return true
		}
	}
	return false
}
