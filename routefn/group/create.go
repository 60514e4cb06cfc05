package group

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/naming"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/contacts"
	"github.com/cim-go/cim/routefn/record/invite"
)

// Create is POST /v1/groups/create. It makes a group. Its members are the caller, who
// is the owner, and the named users who allow the caller to add them. The other named
// users are invited. Any user who knows the group's id may join.
func (g *Requests) Create(ctx context.Context, caller token.Token, q proto.CreateGroup) (*proto.CreatedGroup, error) {
	if q.Name != "" {
		name, err := naming.Group(q.Name)
		if err != nil {
			return nil, err
		}
		q.Name = name
	}
	if q.ID != "" && !proto.ValidID(q.ID) {
		return nil, check.Invalid("The id of a request has 1 to 64 printable ASCII characters without spaces.")
	}
	if err := errors.Join(g.Store.Charge(ctx, record.GroupBudget, 1), g.Store.Charge(ctx, record.MessageBudget, 1+len(q.Members))); err != nil {
		return nil, err
	}
	invited, err := g.invited(ctx, caller.User, q.Members)
	if err != nil {
		return nil, err
	}
	group := record.NewGroup{Creator: caller.User, ID: cmp.Or(q.ID, rand.Text()), Name: q.Name}
	seals := g.Issuer.Digests(fmt.Sprintf("group %d %s", group.Creator, group.ID))
	if group.Seal = seals[0]; len(seals) > 1 {
		group.Earlier = seals[1]
	}
	return g.create(ctx, group, caller.Name, invited)
}

// invited returns the accounts of users, each once. It leaves out the caller's own
// account.
func (g *Requests) invited(ctx context.Context, caller int64, users []int64) ([]record.Account, error) {
	if len(users) > proto.MaxInvited {
		return nil, check.Invalid(fmt.Sprintf("A group is created with at most %d members; others join by its id.", proto.MaxInvited))
	}
	users = slices.Clone(users)
	slices.Sort(users)
	users = slices.DeleteFunc(slices.Compact(users), func(u int64) bool { return u == caller })
	if slices.ContainsFunc(users, func(u int64) bool { return !check.ValidUser(u) }) {
		return nil, check.Invalid("A member is not a user id.")
	}
	accounts, errs := g.Store.AccountsByID(ctx, users)
	for i, err := range errs {
		if errors.Is(err, record.ErrNoUser) {
			return nil, g.Codes.Absent(proto.Err(proto.UnknownUser, fmt.Sprintf("There is no user %d.", users[i])))
		}
		if err != nil {
			return nil, err
		}
	}
	return accounts, nil
}

// create returns an error if the group could not be made, or if its creator could not be
// added. After success, the field Missing of the answer has the users who could not be
// added or invited. If the request is repeated, members who have left since the first try
// stay away.
func (g *Requests) create(ctx context.Context, group record.NewGroup, creator string, invited []record.Account) (*proto.CreatedGroup, error) {
	id, err := g.Store.CreateGroup(ctx, group)
	if err != nil {
		return nil, err
	}
	if err := g.change(ctx, record.Change{User: group.Creator, Name: creator, Group: id, Once: true}); err != nil {
		return nil, err
	}
	out := g.Pusher.Begin()
	defer out.Send()
	answer := &proto.CreatedGroup{Group: id}
	for _, c := range g.Store.FillGroup(ctx, id, group.Creator, g.added(ctx, id, group, invited, answer)) {
		out.Announce(&c)
		if c.Err != nil {
			g.Log.Debug("invited user is no member", "user", c.User, "err", c.Err)
			answer.Missing = append(answer.Missing, c.User)
		}
	}
	return answer, nil
}

// The method added gets the users whom the creator wants to add, and returns those of them
// who allow that. It invites the others, and puts these into the answer.
func (g *Requests) added(ctx context.Context, id int64, group record.NewGroup, wanted []record.Account, answer *proto.CreatedGroup) []record.Account {
	users := make([]int64, len(wanted))
	for i, a := range wanted {
		users[i] = a.User
	}
	var may []record.Account
	var asked []int64
	for i, err := range g.Store.MayAdd(ctx, group.Creator, users) {
		switch {
		case err == nil:
			may = append(may, wanted[i])
		case errors.Is(err, contacts.ErrInvite):
			asked = append(asked, users[i])
		default:
			answer.Missing = append(answer.Missing, users[i])
		}
	}
	in := invite.Invitation{Group: id, Name: group.Name, By: group.Creator}
	for i, err := range g.Store.Invite(ctx, in, asked) {
		if err != nil {
			answer.Missing = append(answer.Missing, asked[i])
		} else {
			answer.Invited = append(answer.Invited, asked[i])
		}
	}
	return may
}
