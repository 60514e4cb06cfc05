package group

import (
	"context"
	"errors"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/contacts"
	"github.com/cim-go/cim/routefn/record/invite"
)

// Add is POST /v1/groups/add. It makes another user a member, even one who was removed
// before. The caller's role must allow that. If the user does not allow the caller to add
// them, or has left the group by themselves, Add only invites the user.
func (g *Requests) Add(ctx context.Context, caller token.Token, q proto.AddMember) (proto.AddedMember, error) {
	if err := checkOther(q.Group, q.User); err != nil {
		return proto.AddedMember{}, err
	}
	if err := g.Store.Charge(ctx, record.MessageBudget, 1); err != nil {
		return proto.AddedMember{}, err
	}
	err := g.Store.MayAdd(ctx, caller.User, []int64{q.User})[0]
	if err == nil {
		err = g.changeOther(ctx, caller, q.Group, q.User, false)
	}
	if errors.Is(err, contacts.ErrInvite) || errors.Is(err, record.ErrLeft) {
		return proto.AddedMember{Invited: true}, g.invite(ctx, caller, q.Group, q.User)
	}
	return proto.AddedMember{}, err
}

// invite invites a user to a group, if the caller's role allows that.
func (g *Requests) invite(ctx context.Context, caller token.Token, group, user int64) error {
	r, err := g.Store.RoleIn(ctx, caller.User, group)
	if err == nil && !r.MayAdd() {
		err = record.ErrNotCreator
	}
	if err != nil {
		return err
	}
	name, err := g.Store.GroupName(ctx, group)
	if err != nil {
		return err
	}
	if _, err := g.Store.AccountByID(ctx, user); err != nil {
		return err
	}
	return g.Store.Invite(ctx, invite.Invitation{Group: group, Name: name, By: caller.User}, []int64{user})[0]
}
