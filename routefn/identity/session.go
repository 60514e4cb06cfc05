package identity

import (
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/check"
)

// errEnded is returned for a proof that has expired. If the session is live at the node,
// the node gets a new proof by reconciliation.
var errEnded = proto.Err(proto.Unavailable, "The proof of the session has ended.")

// Session returns an error unless the proof of s shows that the session is at the node
// now. A route must have made the proof for this user, device, number and node, and the
// proof must not have expired. A CIM connection has no ticket and no proof. It is
// accepted in open mode only.
func (a *Accounts) Session(s *proto.Session, node string) error {
	if err := a.Reported(s, node); err != nil || a.cfg.ProofLife == 0 || s.GetDevice() == proto.CIMDevice {
		return err
	}
	end, err := a.cfg.Issuer.ProofEnd(s.GetProof(), s.GetUser(), s.GetName(), s.GetDevice(), s.GetNumber(), node)
	if err != nil {
		return proto.Err(proto.Unavailable, "") // the keys have changed since Reported accepted the proof
	}
	// A proof has expired only if it has expired by both clocks. So a jump of one clock
	// does not end it. A proof of an earlier release has no end, and is replaced by a
	// proof with an end.
	if end.IsZero() || !a.now().Before(end) && !a.cfg.Now().Before(end) {
		return errEnded
	}
	return nil
}

// now returns the time by the store's clock. While that clock is not known, it returns the
// time by the process's clock.
func (a *Accounts) now() time.Time {
	if ms, ok := a.cfg.Store.Clock(); ok {
		return time.UnixMilli(ms)
	}
	return a.cfg.Now()
}

// ProofEnd returns when a proof that is made now expires. The zero Time means never.
func (a *Accounts) ProofEnd() time.Time {
	if a.cfg.ProofLife == 0 {
		return time.Time{}
	}
	return a.now().Add(a.cfg.ProofLife)
}

// Renew returns a new proof for a session that has a proof, even if that proof has
// expired. It returns nil if the session has no proof, or if proofs do not expire. The
// caller must know that the session is live at the node.
func (a *Accounts) Renew(s *proto.Session, node string) []byte {
	if a.cfg.ProofLife == 0 || s.GetDevice() == proto.CIMDevice || !a.provenAt(s, node) {
		return nil
	}
	return a.cfg.Issuer.ProofUntil(a.ProofEnd(), s.GetUser(), s.GetName(), s.GetDevice(), s.GetNumber(), node)
}

// Reported does what Session does, but accepts an expired proof. It is for openings,
// closings and cursors, which the store fences by the session's number.
func (a *Accounts) Reported(s *proto.Session, node string) error {
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
