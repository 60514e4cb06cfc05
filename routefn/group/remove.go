package group

import (
	"context"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/record"
)

// Remove is POST /v1/groups/remove. It ends the membership of another user, who cannot
// join again unless somebody adds them. The caller's role must allow the removal.
func (g *Requests) Remove(ctx context.Context, caller token.Token, q proto.RemoveMember) (proto.RemovedMember, error) {
	if err := checkOther(q.Group, q.User); err != nil {
		return proto.RemovedMember{}, err
	}
	if err := g.Store.Charge(ctx, record.MessageBudget, 1); err != nil {
		return proto.RemovedMember{}, err
	}
	return proto.RemovedMember{}, g.changeOther(ctx, caller, q.Group, q.User, true)
}
