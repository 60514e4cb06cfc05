package identity

import (
	"context"
	"errors"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/accounts"
)

// ChangePassword replaces the password in the parameter old by the one in the parameter
// next. The parameter old must be the account's present password. If the password in next
// is the present one already, ChangePassword returns nil, too, so that a caller may repeat
// the call. A wrong password counts like a wrong password at a login. The error has the
// code WrongPassword, Invalid or Overloaded, or it is one of the store. Afterwards the
// caller must end the account's sessions (see Unchanged).
func (a *Accounts) ChangePassword(ctx context.Context, user int64, name, old, next string) error {
	if !a.withPasswords() {
		return check.Invalid("There are no passwords here.")
	}
	if err := check.NewPassword(next); err != nil {
		return err
	}
	if err := check.Password(old); err != nil {
		return err
	}
	shown, same, err := a.compare(ctx, user, name, old)
	if err != nil {
		return err
	}
	if same {
		a.cfg.Store.Settle(ctx, shown, true)
		err = a.setPassword(ctx, shown, next)
		if !errors.Is(err, record.ErrChanged) {
			return err
		}
	}
	// The present password differs from the parameter old. Perhaps an earlier try of this
	// request has changed it already.
	if shown, same, err = a.compare(ctx, user, name, next); err != nil {
		return err
	}
	if !same {
		return proto.Err(proto.WrongPassword, "")
	}
	a.cfg.Store.Settle(ctx, shown, true)
	return nil
}

func (a *Accounts) setPassword(ctx context.Context, shown *accounts.Tried, password string) error {
	credential, err := a.passwords.hash(ctx, claim{party: party{known: true, name: shown.Subject}}, password)
	if err != nil {
		return err
	}
	return a.cfg.Store.SetCredential(ctx, shown.Account, credential)
}

// Unchanged returns an error with the code WrongPassword if the password of a login was
// changed since it was compared. A login calls Unchanged after it got its number. A change
// of the password first sets the new password and then ends the sessions. So a login with
// the old password fails here, or the change makes its number void.
func (a *Accounts) Unchanged(ctx context.Context, p Proven) error {
	if p.Shown == nil {
		return nil
	}
	now, err := a.cfg.Store.AccountByName(ctx, p.Account.Name)
	if err != nil {
		return err
	}
	if now.Credential != p.Account.Credential {
		return proto.Err(proto.WrongPassword, "The password was changed a moment ago.")
	}
	return nil
}
