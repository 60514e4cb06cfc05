package identity

import (
	"context"
	"errors"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
)

// ChangePassword gives the account another password, if old is its password. A repetition
// whose first try succeeded finds next to be the password, and returns nil. A wrong
// password counts like that of a login. The error has the code WrongPassword, Invalid, or
// Overloaded, or it is the store's. Sessions are the caller's to end, after this: see
// Unchanged.
func (a *Accounts) ChangePassword(ctx context.Context, user int64, name, old, next string) error {
	if a.cfg.Open {
		return check.Invalid("There are no passwords in open mode.")
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
	// Another request was faster, perhaps the caller's own.
	if shown, same, err = a.compare(ctx, user, name, next); err != nil {
		return err
	}
	if !same {
		return proto.Err(proto.WrongPassword, "")
	}
	a.cfg.Store.Settle(ctx, shown, true)
	return nil
}

func (a *Accounts) setPassword(ctx context.Context, shown *record.Tried, password string) error {
	credential, err := a.passwords.hash(ctx, claim{party: party{known: true, name: shown.Subject}}, password)
	if err != nil {
		return err
	}
	return a.cfg.Store.SetCredential(ctx, shown.Account, credential)
}

// Unchanged returns an error with the code WrongPassword if a login showed a password that
// was changed since. The login calls it after its number was issued. A change sets the
// password first and ends sessions then. So a login by the old password either finds it
// changed, or has a number that the change makes void.
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
