package group

import (
	"context"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
)

// Join is POST /v1/groups/join. It makes the caller a member of a group whose id they
// know.
func (g *Requests) Join(ctx context.Context, caller token.Token, q proto.JoinGroup) (proto.JoinedGroup, error) {
	if err := check.Group(q.Group); err != nil {
		return proto.JoinedGroup{}, err
	}
	if err := g.Store.Charge(ctx, record.MessageBudget, 1); err != nil {
		return proto.JoinedGroup{}, err
	}
	err := g.change(ctx, record.Change{User: caller.User, Name: caller.Name, Group: q.Group})
	if err == nil {
		err = g.Store.EndInvitation(ctx, caller.User, q.Group)
	}
	return proto.JoinedGroup(q), err
}
