package identity

import (
	"context"
	"errors"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/admission"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/identity/jwt"
	"github.com/cim-go/cim/routefn/naming"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/accounts"
)

// ofForeign returns the account of a login that shows a token of another system. The first
// login of its user makes the account.
//
// Only the system (iss) and the user's id there (sub) decide which account ofForeign
// returns. The account's name is the name in the token of the first login. The first login
// is refused if that name belongs to another user. It is also refused if the name belongs
// to an account that was made in another way.
func (a *Accounts) ofForeign(ctx context.Context, q proto.LoginRequest) (record.Account, error) {
	switch {
	case a.cfg.Foreign == nil:
		return record.Account{}, check.Invalid("No tokens of other systems are taken here.")
	case q.JWT == "":
		return record.Account{}, proto.Err(proto.Unauthorized, "A login needs a token (jwt).")
	}
	back := admission.Aside(ctx) // the request frees its place while keys are fetched
	b, err := a.cfg.Foreign.Verify(ctx, q.JWT)
	back()
	if err == nil && !b.Allows(q.Device) {
		err = jwt.Refuse(jwt.WrongDevice)
	}
	if err != nil {
		return record.Account{}, a.foreignRefused(err)
	}
	account, err := a.admit(ctx, b)
	if err != nil {
		return record.Account{}, a.foreignRefused(err)
	}
	if q.User != 0 && q.User != account.User || q.Name != "" && q.Name != account.Name && naming.Normal(q.Name) != account.Name {
		return record.Account{}, proto.Err(proto.Unauthorized, "The token is for another account.")
	}
	if err := a.takeRole(ctx, account.User, b); err != nil {
		return record.Account{}, err
	}
	return account, nil
}

// If the token names a role in the system, takeRole gives that role to the user.
func (a *Accounts) takeRole(ctx context.Context, user int64, b jwt.Bearer) error {
	if !b.HasRole {
		return nil
	}
	had, err := a.cfg.Store.SystemRole(ctx, user)
	if err != nil || had == b.Role {
		return err
	}
	return a.cfg.Store.SetSystemRole(ctx, user, b.Role)
}

// admit returns the account of a token's bearer. Only the first login reads the name.
func (a *Accounts) admit(ctx context.Context, b jwt.Bearer) (record.Account, error) {
	subject := accounts.Subject{Issuer: b.Issuer, ID: b.Subject}
	account, err := a.cfg.Store.AccountOf(ctx, subject)
	if !errors.Is(err, record.ErrNoUser) {
		return account, err
	}
	name, refused := naming.Account(b.Name)
	if refused != nil {
		return record.Account{}, jwt.RefuseName(refused)
	}
	account, err = a.cfg.Store.AdmitSubject(ctx, subject, name)
	if errors.Is(err, record.ErrNameTaken) {
		err = jwt.Refuse(jwt.NameTaken)
	}
	return account, err
}

// foreignRefused counts a refusal, and returns err.
func (a *Accounts) foreignRefused(err error) error {
	if why, ok := errors.AsType[*jwt.Refusal](err); ok {
		a.cfg.Observer.TokenRefused(why.Reason)
	}
	return err
}
