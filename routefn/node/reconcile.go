package node

import (
	"context"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/failure"
	"github.com/cim-go/cim/routefn/record"
)

// Reconcile is POST /node/reconcile. It compares the connections that a node holds with
// the sessions in the store, and returns the differences. It also renews the node's
// leases of groups.
func (n *Requests) Reconcile(ctx context.Context, q *proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
	answer := new(proto.ReconcileAnswer)
	lease := leaseOf(q.Origin)
	if q.Groups {
		everyone := n.cfg.Store.EnterNode(ctx, lease, []record.Entering{{Group: proto.Everyone}})[0]
		if everyone.Err != nil {
			return nil, everyone.Err
		}
		answer.Groups = append(answer.Groups, everyone.Newest.Mark())
	}
	if err := n.renew(ctx, lease, q.Renew, answer); err != nil {
		return nil, err
	}
	held := make([]record.Held, 0, len(q.Held))
	places := make([]int, 0, len(q.Held)) // the index of each session in q.Held
	for i, h := range q.Held {
		if check.ValidUser(h.GetUser()) && check.ValidDevice(h.GetDevice()) && h.GetNumber() > 0 {
			held = append(held, record.Held{User: h.User, Device: h.Device, Number: h.Number, Newest: h.GetNewest().Position(), Version: h.GetVersion()})
			places = append(places, i)
		}
	}
	if len(held) == 0 {
		return answer, nil
	}
	differences, err := n.cfg.Store.Reconcile(ctx, held, q.Origin.Node, q.Origin.Boot)
	if err != nil {
		return nil, err
	}
	away := make(map[record.Held]bool) // connections that are not live at the node
	for _, d := range differences {
		answer.Differences = append(answer.Differences, n.difference(d))
		if d.Verdict == proto.Verdict_DISPLACED || d.Verdict == proto.Verdict_UNKNOWN {
			away[d.Held] = true
		}
	}
	n.renewProofs(q, held, places, away, answer)
	return answer, nil
}

// If proofs expire, renewProofs puts new proofs into the answer, for the sessions that are
// live at the node. The slices held and places have the same length.
func (n *Requests) renewProofs(q *proto.ReconcileRequest, held []record.Held, places []int, away map[record.Held]bool, answer *proto.ReconcileAnswer) {
	for j, i := range places {
		h := q.Held[i]
		if len(h.GetProof()) == 0 || away[held[j]] {
			continue
		}
		s := &proto.Session{User: h.User, Name: h.Name, Device: h.Device, Number: h.Number, Proof: h.Proof}
		if proof := n.cfg.Accounts.Renew(s, q.Origin.Node); proof != nil {
			if answer.Proofs == nil {
				answer.Proofs = make([][]byte, len(q.Held))
			}
			answer.Proofs[i] = proof
		}
	}
}

// renew renews the node's leases of groups. A lease that has expired is reported in
// answer.Lapsed. To get the lease again, the node must repeat the opening of a member's
// session. That opening proves that the node has a member.
func (n *Requests) renew(ctx context.Context, lease record.Lease, groups []int64, answer *proto.ReconcileAnswer) error {
	for i, e := range n.cfg.Store.RenewNode(ctx, lease, groups) {
		switch {
		case e.Err == nil:
			answer.Groups = append(answer.Groups, e.Newest.Mark())
		case failure.MayRetry(e.Err):
			return e.Err
		default:
			answer.Lapsed = append(answer.Lapsed, groups[i])
		}
	}
	return nil
}

// difference returns the difference d in the form for the node. The code in it tells the
// connection's client whether to log in again.
//
// The store may have forgotten a connection in a failover and admitted another one
// (Difference.Passed). If repeated logins are rejected, the forgotten connection has
// priority. So the code for the forgotten connection makes its client log in again, which
// displaces the other connection. For a while after a loss of the store, the clients of
// all displaced connections get that code (displacedCode).
func (n *Requests) difference(d record.Difference) *proto.Difference {
	answer := &proto.Difference{User: d.Held.User, Device: d.Held.Device, Number: d.Held.Number, Verdict: d.Verdict}
	if d.Verdict == proto.Verdict_BEHIND {
		answer.Newest = d.Newest.Mark()
	}
	_, recently := n.cfg.Check.Lost()
	switch {
	case d.Forgotten:
		answer.Code = int32(proto.Crowded)
	case d.Ended:
		answer.Code = int32(proto.SessionEnded)
	case d.Verdict == proto.Verdict_DISPLACED && recently, d.Passed && n.cfg.Repeat == proto.RepeatReject:
		answer.Code = int32(proto.SessionUnknown)
	}
	return answer
}
