package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// NodeReconcile serves POST /node/reconcile: it compares what a node holds with
// the store and answers with what differs.
func (rt *Route) NodeReconcile(w http.ResponseWriter, r *http.Request) {
	serveNode(rt, w, r, nodeReconcile)
}

func (rt *Route) reconcile(ctx context.Context, q *proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
	answer := new(proto.ReconcileAnswer)
	lease := leaseOf(q.Origin)
	if q.Groups {
		everyone := rt.cfg.Store.EnterNode(ctx, lease, []record.Entering{{Group: proto.Everyone}})[0]
		if everyone.Err != nil {
			return nil, everyone.Err
		}
		answer.Groups = append(answer.Groups, everyone.Newest.Mark())
	}
	if err := rt.renew(ctx, lease, q.Renew, answer); err != nil {
		return nil, err
	}
	held := make([]record.Held, 0, len(q.Held))
	for _, h := range q.Held {
		if validUser(h.GetUser()) && validDevice(h.GetDevice()) && h.GetNumber() > 0 {
			held = append(held, record.Held{User: h.User, Device: h.Device, Number: h.Number, Newest: h.GetNewest().Position(), Version: h.GetVersion()})
		}
	}
	if len(held) == 0 {
		return answer, nil
	}
	differences, err := rt.cfg.Store.Reconcile(ctx, held, q.Origin.Node, q.Origin.Boot)
	if err != nil {
		return nil, err
	}
	for _, d := range differences {
		answer.Differences = append(answer.Differences, rt.difference(d))
	}
	return answer, nil
}

// renew renews the leases of groups. A node has to open a session again for one
// that it lost: that shows that a member came to it.
func (rt *Route) renew(ctx context.Context, lease record.Lease, groups []int64, answer *proto.ReconcileAnswer) error {
	for i, e := range rt.cfg.Store.RenewNode(ctx, lease, groups) {
		switch {
		case e.Err == nil:
			answer.Groups = append(answer.Groups, e.Newest.Mark())
		case mayRetry(e.Err):
			return e.Err
		default:
			answer.Lapsed = append(answer.Lapsed, groups[i])
		}
	}
	return nil
}

// difference is what a node is told. Where repeated logins are rejected, a connection
// that the record forgot was there first: it may come back, and displaces the one
// that was let in meanwhile. So may any for a while after the store lost something: see
// displaced.
func (rt *Route) difference(d record.Difference) *proto.Difference {
	answer := &proto.Difference{User: d.Held.User, Device: d.Held.Device, Number: d.Held.Number, Verdict: d.Verdict}
	if d.Verdict == proto.Verdict_BEHIND {
		answer.Newest = d.Newest.Mark()
	}
	_, recently := rt.keeper.watch.Lost()
	switch {
	case d.Forgotten:
		answer.Code = int32(proto.Crowded)
	case d.Verdict == proto.Verdict_DISPLACED && recently, d.Passed && rt.cfg.Repeat == proto.RepeatReject:
		answer.Code = int32(proto.SessionUnknown)
	}
	return answer
}
