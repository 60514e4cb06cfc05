package user

import (
	"context"
	"net/url"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/role"
)

// Role is GET /v1/role. It returns the caller's role in the system.
func (u *Requests) Role(ctx context.Context, caller token.Token, _ url.Values) (proto.RoleAnswer, error) {
	r, err := u.cfg.Store.SystemRole(ctx, caller.User)
	if err != nil {
		return proto.RoleAnswer{}, err
	}
	return proto.RoleAnswer{Role: r.String(), Everyone: u.cfg.Store.Rules().MayReachEveryone(r)}, nil
}

// GiveRole is POST /v1/role. It gives a user a role in the system. Only operators may do
// that.
func (u *Requests) GiveRole(ctx context.Context, caller token.Token, q proto.GiveRole) (proto.GaveRole, error) {
	next, ok := role.ParseSystem(q.Role)
	if !ok {
		return proto.GaveRole{}, check.Invalid("A role is user, moderator or operator.")
	}
	if !check.ValidUser(q.User) {
		return proto.GaveRole{}, check.Invalid("The user is not a user id.")
	}
	r, err := u.cfg.Store.SystemRole(ctx, caller.User)
	if err == nil && !r.MayAppoint() {
		err = record.ErrForbidden
	}
	if err != nil {
		return proto.GaveRole{}, err
	}
	if _, err := u.cfg.Store.AccountByID(ctx, q.User); err != nil {
		return proto.GaveRole{}, err
	}
	return proto.GaveRole{}, u.cfg.Store.SetSystemRole(ctx, q.User, next)
}
