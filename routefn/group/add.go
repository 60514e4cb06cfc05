package group

import (
	"context"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// Add is POST /v1/groups/add. It makes another user a member, even one who was removed
// before. The caller's role must allow that.
func (g *Requests) Add(ctx context.Context, caller token.Token, q proto.AddMember) (proto.AddedMember, error) {
	return proto.AddedMember{}, g.changeOther(ctx, caller, q.Group, q.User, false)
}
