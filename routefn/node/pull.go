package node

import (
	"cmp"
	"context"
	"errors"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
)

// Pull is POST /node/pull. It returns the entries of a log after a position. The node
// pulls for a connection that cannot pull itself, or for all members of a group that
// are at the node. An error concerns one connection and not the node, so it is in the
// code of the answer.
func (n *Requests) Pull(ctx context.Context, q *proto.PullRequest) (*proto.PullAnswer, error) {
	after := q.GetAfter().Position()
	err := n.cfg.Accounts.Session(q.GetSession(), q.Origin.Node)
	if err == nil {
		err = check.Pull(after, int(q.Limit))
	}
	if err != nil {
		return &proto.PullAnswer{Code: int32(n.cfg.Codes.Of(err).Code)}, nil
	}
	pull := n.cfg.Store.Pull
	if after.Log != proto.Inbox {
		pull = n.cfg.Store.PullForAll
	}
	limit := int(cmp.Or(q.Limit, proto.MaxPull))
	pulled, err := pull(ctx, q.Session.User, after, limit)
	if err != nil {
		if err = n.cfg.Accounts.RestoreOwn(ctx, err, q.Session.User, q.Session.Name); err == nil {
			pulled, err = pull(ctx, q.Session.User, after, limit)
		}
	}
	if err != nil {
		answer := &proto.PullAnswer{Code: int32(n.cfg.Codes.Of(err).Code)}
		if errors.Is(err, record.ErrDiverged) {
			answer.Newest = pulled.Newest.Mark()
		}
		return answer, nil
	}
	return &proto.PullAnswer{
		Entries: pulled.Entries, Newest: pulled.Newest.Mark(), Oldest: pulled.Oldest, Through: pulled.Through.Mark(),
	}, nil
}
