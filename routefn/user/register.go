package user

import (
	"context"

	"github.com/cim-go/cim/proto"
)

// Register is POST /v1/register. It makes an account. If the name has an account
// already, and the password is right for it, Register returns that account.
func (u *Requests) Register(ctx context.Context, q proto.RegisterRequest) (proto.RegisterAnswer, error) {
	account, err := u.cfg.Accounts.Register(ctx, q)
	if err != nil {
		return proto.RegisterAnswer{}, err
	}
	return proto.RegisterAnswer{User: account.User, Name: account.Name}, nil
}
