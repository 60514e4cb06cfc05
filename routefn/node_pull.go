package routefn

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// NodePull serves POST /node/pull: the entries of a log after a position, for a
// connection that cannot ask itself, or for all of a group's members at a node.
func (rt *Route) NodePull(w http.ResponseWriter, r *http.Request) { serveNode(rt, w, r, nodePull) }

// pullForNode answers an error in the answer's code: what is wrong concerns one
// connection, not the node.
func (rt *Route) pullForNode(ctx context.Context, q *proto.PullRequest) (*proto.PullAnswer, error) {
	after := q.GetAfter().Position()
	err := rt.checkSession(q.GetSession(), q.Origin.Node)
	if err == nil {
		err = checkPull(after, int(q.Limit))
	}
	if err != nil {
		return &proto.PullAnswer{Code: int32(rt.asError(err).Code)}, nil
	}
	pull := rt.cfg.Store.Pull
	if after.Log > proto.Everyone {
		pull = rt.cfg.Store.PullForAll
	}
	limit := int(cmp.Or(q.Limit, proto.MaxPull))
	pulled, err := pull(ctx, q.Session.User, after, limit)
	if err != nil {
		if err = rt.adopted(ctx, err, q.Session.User, q.Session.Name); err == nil {
			pulled, err = pull(ctx, q.Session.User, after, limit)
		}
	}
	if err != nil {
		answer := &proto.PullAnswer{Code: int32(rt.asError(err).Code)}
		if errors.Is(err, record.ErrDiverged) {
			answer.Newest = pulled.Newest.Mark()
		}
		return answer, nil
	}
	return &proto.PullAnswer{
		Entries: pulled.Entries, Newest: pulled.Newest.Mark(), Oldest: pulled.Oldest, Through: pulled.Through.Mark(),
	}, nil
}
