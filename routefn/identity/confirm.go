package identity

import (
	"context"
	"errors"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/identity/jwt"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/accounts"
)

// Confirm returns nil if the caller proves once more that the account is theirs. The
// proof is the account's password, or a token of the other system that knows the users.
// In open mode no proof is possible, and none is needed. A wrong password counts like a
// wrong password at a login. The error has the code WrongPassword or Overloaded, or it is
// one of the store.
func (a *Accounts) Confirm(ctx context.Context, account record.Account, device string, q proto.DeleteAccount) error {
	switch {
	case a.cfg.Open:
		return nil
	case a.cfg.Foreign != nil:
		return a.confirmForeign(ctx, account, device, q.JWT)
	}
	if err := check.Password(q.Password); err != nil {
		return err
	}
	shown, same, err := a.compare(ctx, account.User, account.Name, q.Password)
	if err != nil {
		return err
	}
	if !same {
		return proto.Err(proto.WrongPassword, "")
	}
	a.cfg.Store.Settle(ctx, shown, true)
	return nil
}

// errNotTheirs means that a token of the other system does not confirm a request. Its
// code is not Unauthorized, because the token of the request itself is valid.
var errNotTheirs = proto.Err(proto.WrongPassword, "A valid token (jwt) of the account's user is needed.")

func (a *Accounts) confirmForeign(ctx context.Context, account record.Account, device, shown string) error {
	if shown == "" {
		return errNotTheirs
	}
	b, err := a.cfg.Foreign.Verify(ctx, shown)
	if why, refused := errors.AsType[*jwt.Refusal](err); refused {
		a.cfg.Observer.TokenRefused(why.Reason)
		return errNotTheirs
	}
	if err != nil {
		return err
	}
	theirs, err := a.cfg.Store.AccountOf(ctx, accounts.Subject{Issuer: b.Issuer, ID: b.Subject})
	switch {
	case errors.Is(err, record.ErrNoUser):
		return errNotTheirs
	case err != nil:
		return err
	case theirs.User != account.User || !b.Allows(device):
		return errNotTheirs
	}
	return nil
}
