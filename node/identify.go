package node

import (
	"errors"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// identity is who a connection says it is, and may say so.
type identity struct {
	user      int64
	name      string
	device    string
	number    int64 // zero: the route gives one
	displaces int64
	proof     [token.ProofSize]byte // none of a CIM connection
	cim       bool
}

// errUnknownKey is the refusal of a ticket that no key verifies which the node knows.
var errUnknownKey = proto.Err(proto.BadTicket, "")

// identify judges a login. With a ticket it is decided by the ticket alone; one
// without is CIM's, over its own framing and in open mode only.
func (n *Node) identify(f *proto.Frame, plain bool) (identity, *proto.Error) {
	if f.Ticket != "" {
		return n.byTicket(f.Ticket)
	}
	switch {
	case !n.config.Open || !plain:
		return identity{}, proto.Err(proto.BadTicket, "A ticket is needed.")
	case f.RequestId < 1 || f.RequestId > proto.MaxUser:
		// An empty frame decodes to a login of user 0.
		return identity{}, proto.Err(proto.Invalid, "")
	}
	return identity{
		user: f.RequestId, name: f.ReqMsg, device: proto.CIMDevice, displaces: token.Any, cim: true,
	}, nil
}

// byTicket does not ask whether the ticket has expired: the store does when it opens
// the session, by the clock that gave the ticket its number.
func (n *Node) byTicket(ticket string) (identity, *proto.Error) {
	if !n.config.Verifier.Ready() { // no route has told a key yet: the node has just started
		return identity{}, proto.Err(proto.Unavailable, "")
	}
	t, err := n.config.Verifier.Ticket(ticket)
	switch {
	case errors.Is(err, token.ErrUnknownKey):
		return identity{}, errUnknownKey
	case err != nil:
		return identity{}, proto.Err(proto.BadTicket, "")
	case t.Node != n.config.ID:
		return identity{}, proto.Err(proto.WrongNode, "")
	}
	return identity{
		user: t.User, name: t.Name, device: t.Device, number: t.Number, displaces: t.Displaces,
		proof: [token.ProofSize]byte(t.Proof),
	}, nil
}
