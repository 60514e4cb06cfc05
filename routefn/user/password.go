package user

import (
	"context"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/record"
)

// ChangePassword is POST /v1/password. It changes the caller's password, and then ends
// all sessions but the caller's own. If the second step fails, a repetition of the
// request does it.
func (u *Requests) ChangePassword(ctx context.Context, caller token.Token, q proto.ChangePassword) (proto.ChangePasswordAnswer, error) {
	if err := u.cfg.Store.Judge(ctx); err != nil { // check the token before a password is hashed
		return proto.ChangePasswordAnswer{}, err
	}
	if err := u.cfg.Accounts.ChangePassword(ctx, caller.User, caller.Name, q.Old, q.New); err != nil {
		return proto.ChangePasswordAnswer{}, err
	}
	pass := identity.PassOf(caller)
	return proto.ChangePasswordAnswer{}, u.end(ctx, caller.User, record.Revoking{Spared: caller.Device}, &pass)
}
