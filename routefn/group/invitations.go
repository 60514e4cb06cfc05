package group

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/invite"
)

// Invitations is GET /v1/groups/invitations. It returns the groups to which others have
// invited the caller, the oldest invitation first.
func (g *Requests) Invitations(ctx context.Context, caller token.Token, _ url.Values) (*proto.InvitationsAnswer, error) {
	list, err := g.Store.Invitations(ctx, caller.User)
	if err != nil {
		return nil, err
	}
	users := make([]int64, len(list))
	for i, in := range list {
		users[i] = in.By
	}
	accounts, errs := g.Store.AccountsByID(ctx, users)
	answer := &proto.InvitationsAnswer{Invitations: make([]proto.Invitation, len(list))}
	for i, in := range list {
		if errs[i] != nil && !errors.Is(errs[i], record.ErrNoUser) {
			return nil, errs[i]
		}
		answer.Invitations[i] = proto.Invitation{Group: in.Group, Name: in.Name, By: in.By, ByName: accounts[i].Name, Since: in.Since}
	}
	return answer, nil
}

// AcceptInvitation is POST /v1/groups/accept. It makes the caller a member of a group to
// which they were invited, even if they were removed from it before the invitation.
func (g *Requests) AcceptInvitation(ctx context.Context, caller token.Token, q proto.JoinGroup) (proto.JoinedGroup, error) {
	in, err := g.invitation(ctx, caller.User, q.Group)
	if err != nil {
		return proto.JoinedGroup{}, err
	}
	change := record.Change{User: caller.User, Name: caller.Name, Group: q.Group}
	err = g.change(ctx, change)
	if errors.Is(err, record.ErrRemoved) { // the user was removed, so the inviter's role must still allow the inviter to add them
		change.By = in.By
		err = g.change(ctx, change)
	}
	if err != nil && !isGone(err) {
		return proto.JoinedGroup{}, err
	}
	if ended := g.Store.EndInvitation(ctx, caller.User, q.Group); err == nil {
		err = ended
	}
	if isGone(err) {
		err = invite.ErrUninvited
	}
	return proto.JoinedGroup(q), err
}

// isGone reports whether err means that an invitation is no longer valid.
func isGone(err error) bool {
	return errors.Is(err, record.ErrNoGroup) || errors.Is(err, record.ErrNotCreator)
}

// DeclineInvitation is POST /v1/groups/decline. It ends an invitation of the caller.
func (g *Requests) DeclineInvitation(ctx context.Context, caller token.Token, q proto.LeaveGroup) (proto.LeftGroup, error) {
	if _, err := g.invitation(ctx, caller.User, q.Group); err != nil {
		return proto.LeftGroup{}, err
	}
	return proto.LeftGroup{}, g.Store.EndInvitation(ctx, caller.User, q.Group)
}

// invitation returns the invitation of a user to a group, and charges the user for a
// change.
func (g *Requests) invitation(ctx context.Context, user, group int64) (invite.Invitation, error) {
	if err := check.Group(group); err != nil {
		return invite.Invitation{}, err
	}
	if err := g.Store.Charge(ctx, record.MessageBudget, 1); err != nil {
		return invite.Invitation{}, err
	}
	list, err := g.Store.Invitations(ctx, user)
	if err != nil {
		return invite.Invitation{}, err
	}
	i := slices.IndexFunc(list, func(in invite.Invitation) bool { return in.Group == group })
	if i < 0 {
		return invite.Invitation{}, invite.ErrUninvited
	}
	return list[i], nil
}
