package routefn

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/record"
)

// GroupCreate serves POST /v1/groups/create: it makes a group of the caller and of
// those he invites. He alone may add and remove others later; everybody else joins by
// himself, knowing the id.
func (rt *Route) GroupCreate(w http.ResponseWriter, r *http.Request) {
	rt.serveCaller(w, r, "group-create", func(ctx context.Context, caller token.Token) (any, error) {
		var q proto.CreateGroup
		if err := decodeJSON(w, r, rt.cfg.MaxBody, &q); err != nil {
			return nil, err
		}
		if q.Name != "" {
			if err := checkName(q.Name); err != nil {
				return nil, err
			}
		}
		if q.ID != "" && !proto.ValidID(q.ID) {
			return nil, invalid("The id of a request has 1 to 64 printable ASCII characters without spaces.")
		}
		invited, err := rt.invited(ctx, caller.User, q.Members)
		if err != nil {
			return nil, err
		}
		group := record.NewGroup{Creator: caller.User, ID: cmp.Or(q.ID, rand.Text()), Name: q.Name}
		return rt.createGroup(ctx, group, caller.Name, invited)
	})
}

// invited returns the accounts of the users, without the caller's and each once.
func (rt *Route) invited(ctx context.Context, caller int64, users []int64) ([]record.Account, error) {
	if len(users) > proto.MaxInvited {
		return nil, invalid(fmt.Sprintf("A group is created with at most %d members; others join by its id.", proto.MaxInvited))
	}
	users = slices.Clone(users)
	slices.Sort(users)
	users = slices.DeleteFunc(slices.Compact(users), func(u int64) bool { return u == caller })
	if slices.ContainsFunc(users, func(u int64) bool { return !validUser(u) }) {
		return nil, invalid("A member is not a user id.")
	}
	accounts, errs := rt.cfg.Store.AccountsByID(ctx, users)
	for i, err := range errs {
		if errors.Is(err, record.ErrNoUser) {
			return nil, rt.certainly(proto.Err(proto.UnknownUser, fmt.Sprintf("There is no user %d.", users[i])))
		}
		if err != nil {
			return nil, err
		}
	}
	return accounts, nil
}

// createGroup returns an error only while nobody belongs to the group: then it is
// as good as not there. What an earlier try of the request did stays as it is.
func (rt *Route) createGroup(ctx context.Context, g record.NewGroup, creator string, invited []record.Account) (*proto.CreatedGroup, error) {
	group, err := rt.cfg.Store.CreateGroup(ctx, g)
	if err != nil {
		return nil, err
	}
	if err := rt.changeGroup(ctx, record.Change{User: g.Creator, Name: creator, Group: group, Once: true}); err != nil {
		return nil, err
	}
	changes := make([]record.Change, len(invited))
	for i, a := range invited {
		changes[i] = record.Change{User: a.User, Name: a.Name, Group: group, By: g.Creator, Once: true}
	}
	answer := &proto.CreatedGroup{Group: group}
	for _, c := range rt.cfg.Store.ChangeGroups(ctx, changes) {
		rt.announce(&c)
		if c.Err != nil {
			rt.cfg.Logger.Debug("invited user is no member", "user", c.User, "err", c.Err)
			answer.Missing = append(answer.Missing, c.User)
		}
	}
	return answer, nil
}
