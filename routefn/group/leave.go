package group

import (
	"context"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
)

// Leave is POST /v1/groups/leave. It ends the caller's membership in a group.
func (g *Requests) Leave(ctx context.Context, caller token.Token, q proto.LeaveGroup) (proto.LeftGroup, error) {
	if err := check.Group(q.Group); err != nil {
		return proto.LeftGroup{}, err
	}
	if err := g.Store.Charge(ctx, record.MessageBudget, 1); err != nil {
		return proto.LeftGroup{}, err
	}
	change := record.Change{User: caller.User, Name: caller.Name, Group: q.Group, Leave: true}
	return proto.LeftGroup{}, g.change(ctx, change)
}
