package routefn

import (
	"context"
	"net/http"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/record"
)

// NodeMove serves POST /node/move: tickets elsewhere for the connections of a
// node that leaves. Each ticket displaces the session it was asked for and no
// other, so that a device which has meanwhile connected anew is not thrown out.
// As with a login nothing changes until a ticket is used.
func (rt *Route) NodeMove(w http.ResponseWriter, r *http.Request) { serveNode(rt, w, r, nodeMove) }

func (rt *Route) move(ctx context.Context, q *proto.MoveRequest) (*proto.MoveAnswer, error) {
	if len(q.Items) > proto.MaxMove {
		return nil, invalid("More sessions to move than 1000.")
	}
	view, err := rt.members(ctx)
	if err != nil {
		return nil, err
	}
	if !servesBeside(view, q.Origin.Node) { // before numbers are taken for nothing
		return nil, proto.Err(proto.NoNode, "")
	}
	answer := &proto.MoveAnswer{Items: make([]*proto.Moved, len(q.Items))}
	var list []record.Issuing
	var places []int // of each among the request's items
	for i, item := range q.Items {
		if err := rt.checkMove(item, q.Origin.Node); err != nil {
			answer.Items[i] = &proto.Moved{Code: int32(rt.asError(err).Code)}
			continue
		}
		list = append(list, record.Issuing{User: item.Session.User, Device: item.Session.Device})
		places = append(places, i)
	}
	issued, errs := rt.cfg.Store.IssueNumbers(ctx, list)
	for j, i := range places {
		moved, err := rt.moved(view, q.Items[i], q.Origin.Node, issued[j], errs[j])
		if err != nil {
			moved = &proto.Moved{Code: int32(rt.asError(err).Code)}
		}
		answer.Items[i] = moved
	}
	return answer, nil
}

// servesBeside reports whether anybody but the node takes users.
func servesBeside(view *ring.View, node string) bool {
	return slices.ContainsFunc(view.Members(), func(m ring.Member) bool {
		return m.State == ring.Serving && m.ID != node
	})
}

func (rt *Route) checkMove(item *proto.MoveItem, node string) error {
	s := item.GetSession()
	if s.GetDevice() == proto.CIMDevice || s.GetNumber() < 1 {
		return invalid("A connection without a ticket cannot be moved.")
	}
	return rt.checkSession(s, node)
}

// moved makes the ticket for a session that is the live one of its device. What
// is not, was logged out or displaced, or was forgotten by a store that failed
// over: reconciliation tells the node which.
func (rt *Route) moved(view *ring.View, item *proto.MoveItem, from string, issued record.Issued, err error) (*proto.Moved, error) {
	s := item.Session
	switch {
	case err != nil:
		return nil, err
	case issued.Live == nil || issued.Live.Number != s.Number:
		return nil, proto.Err(proto.SessionUnknown, "")
	}
	member, ok := rt.pickBeside(view, s.User, from, item.Avoid)
	if !ok {
		return nil, proto.Err(proto.NoNode, "")
	}
	ticket, err := rt.cfg.Issuer.Ticket(token.Ticket{
		User: s.User, Name: s.Name, Device: s.Device, Number: issued.Number, Displaces: s.Number,
		Node: member.ID, Expires: rt.cfg.Now().Add(token.TicketLife),
	})
	if err != nil {
		return nil, err
	}
	return &proto.Moved{Ticket: ticket, Node: member.ID, Address: member.Client, Tls: member.TLS}, nil
}

// pickBeside picks around the node that leaves and those in avoid; one of the
// latter if there is no other.
func (rt *Route) pickBeside(view *ring.View, user int64, from string, avoid []string) (ring.Member, bool) {
	turn := rt.turn.Add(1)
	for _, around := range [][]string{append([]string{from}, avoid[:min(len(avoid), maxAvoid)]...), {from}} {
		member, ok := ring.Pick(view, user, "", around, turn, rt.cfg.Policy)
		if ok && member.ID != from {
			return member, true
		}
	}
	return ring.Member{}, false
}
