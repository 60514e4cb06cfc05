package node

import (
	"context"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/placement"
	"github.com/cim-go/cim/routefn/record"
)

// Move is POST /node/move. A node that drains calls it for its connections, and gets a
// ticket to another node for each. A ticket displaces only the session for which it was
// made. So a device that has connected again meanwhile keeps its newer connection. As with
// a login, nothing changes until the ticket is used.
func (n *Requests) Move(ctx context.Context, q *proto.MoveRequest) (*proto.MoveAnswer, error) {
	if len(q.Items) > proto.MaxMove {
		return nil, check.Invalid("A request moves at most 1000 sessions.")
	}
	view, err := n.cfg.Members(ctx)
	if err != nil {
		return nil, err
	}
	if !servesBeside(view, q.Origin.Node) { // without another node, numbers would be issued in vain
		return nil, proto.Err(proto.NoNode, "")
	}
	answer := &proto.MoveAnswer{Items: make([]*proto.Moved, len(q.Items))}
	var list []record.Issuing
	var places []int // for each session, the index in q.Items
	for i, item := range q.Items {
		if err := n.checkMove(item, q.Origin.Node); err != nil {
			answer.Items[i] = &proto.Moved{Code: int32(n.cfg.Codes.Of(err).Code)}
			continue
		}
		list = append(list, record.Issuing{User: item.Session.User, Device: item.Session.Device})
		places = append(places, i)
	}
	issued, errs := n.cfg.Store.IssueNumbers(ctx, list)
	for j, i := range places {
		moved, err := n.moved(ctx, view, q.Items[i], q.Origin.Node, issued[j], errs[j])
		if err != nil {
			moved = &proto.Moved{Code: int32(n.cfg.Codes.Of(err).Code)}
		}
		answer.Items[i] = moved
	}
	return answer, nil
}

// servesBeside reports whether any node except the given one takes users.
func servesBeside(view *ring.View, node string) bool {
	return slices.ContainsFunc(view.Members(), func(m ring.Member) bool {
		return m.State == ring.Serving && m.ID != node
	})
}

func (n *Requests) checkMove(item *proto.MoveItem, node string) error {
	s := item.GetSession()
	if s.GetDevice() == proto.CIMDevice || s.GetNumber() < 1 {
		return check.Invalid("A connection without a ticket cannot be moved.")
	}
	return n.cfg.Accounts.Session(s, node)
}

// moved makes the ticket for the session in the parameter item, if that is the live
// session of its device. A session that is not live was logged out or displaced, or the
// store has forgotten it in a failover. The node learns the reason from reconciliation.
// The parameters issued and err are the result of issuing a session number. The parameter
// from is the node that drains.
func (n *Requests) moved(ctx context.Context, view *ring.View, item *proto.MoveItem, from string, issued record.Issued, err error) (*proto.Moved, error) {
	s := item.Session
	switch {
	case err != nil:
		return nil, err
	case issued.Live == nil || issued.Live.Number != s.Number:
		return nil, proto.Err(proto.SessionUnknown, "")
	}
	avoid := item.Avoid[:min(len(item.Avoid), placement.MaxAvoid)]
	member, ok := n.cfg.Placer.Pick(ctx, view, s.User, "", avoid, []string{from})
	if !ok {
		return nil, proto.Err(proto.NoNode, "")
	}
	ticket, err := n.cfg.Issuer.Ticket(token.Ticket{
		User: s.User, Name: s.Name, Device: s.Device, Number: issued.Number, Displaces: s.Number,
		Node: member.ID, Expires: n.cfg.Now().Add(token.TicketLife), ProofEnds: n.cfg.Accounts.ProofEnd(),
	})
	if err != nil {
		return nil, err
	}
	at := member.ClientAddress()
	return &proto.Moved{Ticket: ticket, Node: member.ID, Address: at.HostPort, Tls: at.TLS, Path: at.Path}, nil
}
