package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/record"
)

// Ack serves POST /v1/ack: it moves the cursors of the caller's device forward.
// The session's number fences it: what a connection of long ago acknowledges
// changes nothing, and is no error. Senders who want to know are told.
func (rt *Route) Ack(w http.ResponseWriter, r *http.Request) {
	rt.serveCaller(w, r, "ack", func(ctx context.Context, caller token.Token) (any, error) {
		var q proto.AckPositions
		if err := decodeJSON(w, r, rt.cfg.MaxBody, &q); err != nil {
			return nil, err
		}
		if err := checkAck(q.Number, q.Cursors); err != nil {
			return nil, err
		}
		acking := record.Acking{User: caller.User, Device: caller.Device, Number: q.Number, Cursors: q.Cursors}
		if err := rt.cfg.Store.Ack(ctx, []record.Acking{acking})[0]; err != nil {
			return nil, err
		}
		rt.confirm(ctx, shown{user: caller.User, keys: q.Shown})
		return proto.AckAnswer{}, nil
	})
}

func checkAck(number int64, cursors []proto.Position) error {
	if number <= 0 {
		return invalid("An acknowledgement needs the session's number.")
	}
	if len(cursors) == 0 || len(cursors) > maxCursors {
		return invalid("An acknowledgement has a position, and at most one for each log.")
	}
	for _, c := range cursors {
		if c.Log < 0 || c.Number <= 0 {
			return invalid("A position's log is not negative, and its number is positive.")
		}
	}
	return nil
}
