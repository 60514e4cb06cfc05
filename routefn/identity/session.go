package identity

import (
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/check"
)

// Session returns an error if the session s is not proved to be at the node. Its proof
// must be one that a route made for this user, device, number and node. A CIM connection
// has no ticket and no proof. It is accepted in open mode only.
func (a *Accounts) Session(s *proto.Session, node string) error {
	if !check.ValidUser(s.GetUser()) || !check.ValidDevice(s.GetDevice()) || s.GetNumber() < 0 {
		return check.Invalid("The session is malformed.")
	}
	if s.GetDevice() == proto.CIMDevice {
		if !a.cfg.Open || len(s.GetProof()) != 0 {
			return proto.Err(proto.Unauthorized, "A connection needs a ticket.")
		}
		return nil
	}
	if a.provenAt(s, node) {
		return nil
	}
	settled := a.cfg.Keys.Settled()
	switch {
	case a.provenAt(s, node):
		return nil
	case !settled:
		return proto.Err(proto.Unavailable, "The key of the ticket is not known yet.")
	default:
		return proto.Err(proto.Unauthorized, "The ticket did not come to this node.")
	}
}

func (a *Accounts) provenAt(s *proto.Session, node string) bool {
	return a.cfg.Issuer.CheckProof(s.GetProof(), s.GetUser(), s.GetName(), s.GetDevice(), s.GetNumber(), node) == nil
}
