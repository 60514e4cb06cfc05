package routefn

import (
	"context"
	"errors"
	"fmt"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/record"
)

// changeGroup lets one user join or leave, and tells those whom it concerns.
func (rt *Route) changeGroup(ctx context.Context, change record.Change) error {
	c := rt.cfg.Store.ChangeGroups(ctx, []record.Change{change})[0]
	rt.announce(&c)
	if errors.Is(c.Err, record.ErrTooManyGroups) {
		return invalid(fmt.Sprintf("One user has at most %d groups.", proto.MaxGroups))
	}
	return c.Err
}

// changeOther adds another user to a group of the caller's making, or removes him.
func (rt *Route) changeOther(ctx context.Context, caller token.Token, group, user int64, leave bool) error {
	if err := checkGroup(group); err != nil {
		return err
	}
	if !validUser(user) {
		return invalid("The member is not a user id.")
	}
	account, err := rt.cfg.Store.AccountByID(ctx, user)
	if err != nil {
		return err
	}
	return rt.changeGroup(ctx, record.Change{User: user, Name: account.Name, Group: group, Leave: leave, By: caller.User})
}
