package group

import (
	"context"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/role"
)

// GiveRole is POST /v1/groups/role. It gives a member a role, or makes the member the
// owner.
func (g *Requests) GiveRole(ctx context.Context, caller token.Token, q proto.GiveGroupRole) (proto.GaveGroupRole, error) {
	if err := check.Group(q.Group); err != nil {
		return proto.GaveGroupRole{}, err
	}
	if !check.ValidUser(q.User) {
		return proto.GaveGroupRole{}, check.Invalid("The member is not a user id.")
	}
	next, ok := role.ParseGroup(q.Role)
	if !ok {
		return proto.GaveGroupRole{}, check.Invalid("A role is owner, admin, member or read-only.")
	}
	if err := g.Store.Charge(ctx, record.MessageBudget, 1); err != nil {
		return proto.GaveGroupRole{}, err
	}
	return proto.GaveGroupRole{}, g.Store.GiveRole(ctx, caller.User, q.Group, q.User, next)
}
