package routefn

import (
	"net"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// leaseOf is what a node is entered as.
func leaseOf(o *proto.Origin) record.Lease {
	return record.Lease{Node: o.Node, Boot: o.Boot, Addr: o.Address}
}

// checkOrigin checks how a node names itself: its address is where pushes for its
// sessions will go.
func checkOrigin(o *proto.Origin) error {
	if o.GetNode() == "" || o.GetBoot() == 0 {
		return invalid("The origin has no node or no boot.")
	}
	if _, _, err := net.SplitHostPort(o.GetAddress()); err != nil {
		return invalid("The origin's address is not host:port.")
	}
	return nil
}

// checkSession returns an error unless the ticket of the session came to the node:
// its proof is one that a route made for just this user, device, number and node.
// A CIM connection has no ticket; it may be whoever it says, in open mode only.
func (rt *Route) checkSession(s *proto.Session, node string) error {
	if !validUser(s.GetUser()) || !validDevice(s.GetDevice()) || s.GetNumber() < 0 {
		return invalid("The session is malformed.")
	}
	if s.GetDevice() == proto.CIMDevice {
		if rt.cfg.Auth != AuthOpen || len(s.GetProof()) != 0 {
			return proto.Err(proto.Unauthorized, "A connection needs a ticket.")
		}
		return nil
	}
	if rt.provenAt(s, node) {
		return nil
	}
	settled := rt.keeper.settled()
	switch {
	case rt.provenAt(s, node):
		return nil
	case !settled:
		return proto.Err(proto.Unavailable, "The key of the ticket is not known yet.")
	default:
		return proto.Err(proto.Unauthorized, "The ticket did not come to this node.")
	}
}

func (rt *Route) provenAt(s *proto.Session, node string) bool {
	return rt.cfg.Issuer.CheckProof(s.GetProof(), s.GetUser(), s.GetName(), s.GetDevice(), s.GetNumber(), node) == nil
}
