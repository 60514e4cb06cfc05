package group

import (
	"context"
	"errors"
	"fmt"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
)

// change makes one user join or leave a group, and pushes the entry about that.
func (g *Requests) change(ctx context.Context, change record.Change) error {
	c := g.Store.ChangeGroups(ctx, []record.Change{change})[0]
	out := g.Pusher.Begin()
	defer out.Send()
	out.Announce(&c)
	if errors.Is(c.Err, record.ErrTooManyGroups) {
		return check.Invalid(fmt.Sprintf("One user has at most %d groups.", proto.MaxGroups))
	}
	return c.Err
}

// checkOther checks a change of another user's membership.
func checkOther(group, user int64) error {
	if err := check.Group(group); err != nil {
		return err
	}
	if !check.ValidUser(user) {
		return check.Invalid("The member is not a user id.")
	}
	return nil
}

// changeOther adds another user to a group, or removes them if the parameter leave is
// true. The store checks whether the caller's role allows that.
func (g *Requests) changeOther(ctx context.Context, caller token.Token, group, user int64, leave bool) error {
	account, err := g.Store.AccountByID(ctx, user)
	if err != nil {
		return err
	}
	return g.change(ctx, record.Change{User: user, Name: account.Name, Group: group, Leave: leave, By: caller.User})
}
