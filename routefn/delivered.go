package routefn

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// Delivered serves GET /v1/delivered: whether a device of the receiver has passed
// a private message of the caller's. It is the truth that delivery marks hint at,
// for any private message, whether a mark was asked for or not.
func (rt *Route) Delivered(w http.ResponseWriter, r *http.Request) {
	rt.serveCaller(w, r, "delivered", func(ctx context.Context, caller token.Token) (any, error) {
		id := r.FormValue("id")
		if !proto.ValidID(id) {
			return nil, invalid("The id is not the id of a message.")
		}
		to, err := strconv.ParseInt(r.FormValue("to"), 10, 64)
		if err != nil || !validUser(to) {
			return nil, invalid("The receiver is not a user id.")
		}
		return rt.delivered(ctx, to, proto.Key(caller.User, id))
	})
}

// delivered looks for the key first: a cursor that moves in between has passed it.
func (rt *Route) delivered(ctx context.Context, user int64, key string) (proto.DeliveredAnswer, error) {
	at, err := rt.cfg.Store.Find(ctx, user, key)
	if err != nil || at.Number == 0 {
		return proto.DeliveredAnswer{}, err
	}
	devices, err := rt.cfg.Store.Cursors(ctx, user)
	if err != nil {
		return proto.DeliveredAnswer{}, err
	}
	return proto.DeliveredAnswer{Found: true, Delivered: passed(devices, at)}, nil
}

// passed reports whether any of the devices has come to a place in the inbox. A
// cursor of another epoch is of an inbox that was lost.
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
