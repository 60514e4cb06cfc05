package routefn

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// Pull serves POST /v1/pull: the messages of the caller's inbox, or of a group,
// after a position.
func (rt *Route) Pull(w http.ResponseWriter, r *http.Request) {
	rt.serveCaller(w, r, "pull", func(ctx context.Context, caller token.Token) (any, error) {
		var q proto.PullMessages
		if err := decodeJSON(w, r, rt.cfg.MaxBody, &q); err != nil {
			return nil, err
		}
		if err := checkPull(q.After, q.Limit); err != nil {
			return nil, err
		}
		return rt.pull(ctx, caller.User, q)
	})
}

func checkPull(after proto.Position, limit int) error {
	switch {
	case limit < 0 || limit > proto.MaxPull:
		return invalid("A pull is limited to 500 messages.")
	case after.Log < 0 || after.Number < 0:
		return invalid("The position is negative.")
	}
	return nil
}

func (rt *Route) pull(ctx context.Context, user int64, q proto.PullMessages) (*proto.PulledMessages, error) {
	begun := time.Now()
	pulled, err := rt.cfg.Store.Pull(ctx, user, q.After, cmp.Or(q.Limit, proto.MaxPull))
	rt.admission.Answered(time.Since(begun))
	if err != nil {
		return nil, err
	}
	messages := make([]proto.Message, 0, len(pulled.Entries))
	for _, e := range pulled.Entries {
		m, err := e.Message()
		if err != nil { // one bad entry must not hide those after it
			rt.cfg.Logger.Error("stored entry is unreadable", "user", user, "log", q.After.Log, "number", e.GetAt().GetNumber(), "err", err)
			continue
		}
		messages = append(messages, m)
	}
	return &proto.PulledMessages{
		Epoch: pulled.Epoch, Oldest: pulled.Oldest, Newest: pulled.Newest, Messages: messages, Through: pulled.Through,
	}, nil
}
