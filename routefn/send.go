package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/record"
)

// Send serves POST /v1/send: it stores a message in every log it belongs to,
// answers with the sender's own copy's position and pushes it. Whoever repeats a
// request repeats its id, and is answered with what stands in the log. Another message
// under that id is refused with the code IDReused.
func (rt *Route) Send(w http.ResponseWriter, r *http.Request) {
	rt.serveCaller(w, r, "send", func(ctx context.Context, caller token.Token) (any, error) {
		var q proto.SendMessage
		if err := decodeJSON(w, r, rt.cfg.MaxBody, &q); err != nil {
			return nil, err
		}
		if err := rt.checkMessage(q.ID, q.To, q.Group, q.Text, q.Confirm); err != nil {
			return nil, err
		}
		stored, err := rt.send(ctx, sender{user: caller.User, name: caller.Name, device: caller.Device}, []record.Message{{
			ID: q.ID, To: q.To, Group: q.Group, Text: q.Text, Again: true, Confirm: q.Confirm,
		}})
		if err != nil {
			return nil, err
		}
		return receipt(q.ID, &stored[0]), nil
	})
}

// A sender is who sends, and from where.
type sender struct {
	user   int64
	name   string
	device string
	number int64 // of the connection it came by; zero: it came by HTTP
}

// send stores one sender's messages in their order, pushes what was stored, and
// returns the first error. What is stored is pushed even then.
func (rt *Route) send(ctx context.Context, by sender, messages []record.Message) ([]record.Appended, error) {
	for i := range messages {
		messages[i].From, messages[i].FromName = by.user, by.name
	}
	var first error
	stored := rt.store(ctx, messages)
	for i := range stored {
		if err := stored[i].Err; err == nil {
			rt.deliver(by, &stored[i])
		} else if first == nil {
			first = err
		}
	}
	return stored, first
}

func receipt(id string, a *record.Appended) proto.SendReceipt {
	own := a.Own().Stored
	at := own.GetAt().Position()
	at.Key = own.GetKey()
	return proto.SendReceipt{ID: id, Time: a.Time, At: at, Prev: own.GetPrev()}
}
