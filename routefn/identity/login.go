package identity

import (
	"context"
	"errors"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/naming"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/accounts"
)

// Proven is the result of a login that has proved its account as far as the mode requires
// a proof.
type Proven struct {
	Account record.Account
	Pass    *record.Pass    // pass of the login's token, which the store has not checked yet; nil: there was no token
	Access  bool            // the token is an access token
	Shown   *accounts.Tried // try of the login's password, which is not settled yet; nil: there was no password
}

// Authenticate returns the account of a login. The login must have what the mode requires:
// a token of a route, a token of another system, a name and a password, or only a name.
// The caller then issues a session's number with the Pass or Shown of the result, and
// calls LoggedIn. If it issues no number, it calls Settle.
func (a *Accounts) Authenticate(ctx context.Context, q proto.LoginRequest) (Proven, error) {
	if q.Token != "" {
		return a.ofToken(ctx, q)
	}
	if a.cfg.Foreign != nil || q.JWT != "" {
		account, err := a.ofForeign(ctx, q)
		return Proven{Account: account}, err
	}
	if a.cfg.Open {
		account, err := a.byName(ctx, q.User, q.Name)
		return Proven{Account: account}, err
	}
	name, err := a.spelled(ctx, q.Name)
	if err != nil {
		return Proven{}, err
	}
	shown, same, err := a.compare(ctx, q.User, name, q.Password)
	switch {
	case err != nil:
		return Proven{}, err
	case !same && shown.Account.User == 0:
		return Proven{}, a.cfg.Codes.Absent(proto.Err(proto.WrongPassword, ""))
	case !same:
		return Proven{}, proto.Err(proto.WrongPassword, "")
	}
	return Proven{Account: shown.Account, Shown: shown}, nil
}

// byName returns the account of a login in open mode, which has only a name. An account
// that is absent is restored under the normal form of the name. But while the store may
// have lost the account, byName uses the name exactly as it is written. That name may be
// older than the rules for names.
func (a *Accounts) byName(ctx context.Context, user int64, name string) (record.Account, error) {
	account, err := a.Named(ctx, user, name)
	if !IsNone(err) {
		return account, err
	}
	switch normal, refused := naming.Account(name); {
	case refused == nil && normal == name, !a.cfg.Keys.Certain():
		return a.NamedOrRestored(ctx, user, name)
	case refused != nil:
		return record.Account{}, err
	default:
		return a.NamedOrRestored(ctx, user, normal)
	}
}

// spelled returns the name under which an account exists: the name as it is written, or
// its normal form. It asks the store only for a name that is not in normal form.
func (a *Accounts) spelled(ctx context.Context, name string) (string, error) {
	normal := naming.Normal(name)
	if normal == name {
		return name, nil
	}
	account, err := a.Named(ctx, 0, name)
	if errors.Is(err, record.ErrNoUser) {
		return normal, nil
	}
	return account.Name, err
}

// ofToken returns the Proven that follows from the login's token. It checks that the token
// is for the login's device and for its account. The account may be gone if the store came
// back empty. In the step that issues a number, the store checks whether the token is
// still valid.
func (a *Accounts) ofToken(ctx context.Context, q proto.LoginRequest) (Proven, error) {
	t, err := a.verify(q.Token)
	if err != nil {
		return Proven{}, err
	}
	if t.Device != q.Device {
		return Proven{}, proto.Err(proto.Unauthorized, "The token is for another device.")
	}
	if q.User != 0 && q.User != t.User || q.Name != "" && q.Name != t.Name && naming.Normal(q.Name) != t.Name {
		return Proven{}, proto.Err(proto.Unauthorized, "The token is for another account.")
	}
	account, err := a.NamedOrRestored(ctx, t.User, t.Name)
	if IsNone(err) {
		return Proven{}, a.cfg.Codes.Absent(proto.Err(proto.Unauthorized, "The account of the token is gone."))
	}
	pass := PassOf(t)
	return Proven{Account: account, Pass: &pass, Access: t.Access}, err
}

// Register makes an account. If the name has an account already, and the password is
// right for it, Register returns that account. Package naming decides which names new
// accounts may have. Names of existing accounts stay valid.
func (a *Accounts) Register(ctx context.Context, q proto.RegisterRequest) (record.Account, error) {
	if a.cfg.Foreign != nil {
		return record.Account{}, check.Invalid("An account is made by the first login with a token of yours.")
	}
	if err := check.Name(q.Name); err != nil {
		return record.Account{}, err
	}
	if !a.cfg.Open {
		if err := check.NewPassword(q.Password); err != nil {
			return record.Account{}, err
		}
	}
	account, err := a.Named(ctx, 0, q.Name)
	switch {
	case errors.Is(err, record.ErrErased):
		return record.Account{}, proto.Err(proto.NameTaken, "An account of this name is being deleted. Try again in a minute.")
	case errors.Is(err, record.ErrNoUser):
		if q.Name, err = naming.Account(q.Name); err != nil {
			return record.Account{}, err
		}
		return a.registerNew(ctx, q)
	case err != nil || a.cfg.Open:
		return account, err
	}
	q.Name = account.Name
	return a.same(ctx, q)
}

// registerNew makes an account for a name that had none a moment ago. If that fails, the
// registration does not count against the address.
func (a *Accounts) registerNew(ctx context.Context, q proto.RegisterRequest) (record.Account, error) {
	out, err := a.takeRegistration(ctx)
	if err != nil {
		return record.Account{}, err
	}
	account, created, err := a.create(ctx, q, out)
	if !created && !errors.Is(err, record.ErrUnknown) {
		a.giveRegistration(ctx)
	}
	if err != nil || created || a.cfg.Open {
		return account, err
	}
	return a.same(ctx, q) // another request has made the account; perhaps that was an earlier try of this caller
}

// create makes an account. The parameter out is how many registrations count against
// the caller's address.
func (a *Accounts) create(ctx context.Context, q proto.RegisterRequest, out int) (account record.Account, created bool, err error) {
	credential := ""
	if !a.cfg.Open {
		if credential, err = a.passwords.hash(ctx, a.strange(ctx, max(0, out-1)), q.Password); err != nil {
			return account, false, err
		}
	}
	account, created, err = a.cfg.Store.Register(ctx, q.Name, credential)
	if err == nil && created && !a.cfg.Open {
		a.cfg.Store.Met(ctx, account.Name, a.address(ctx))
	}
	return account, created, err
}

// The method same returns the account of the name if the password is right for that
// account. A wrong password counts like a wrong password at a login.
func (a *Accounts) same(ctx context.Context, q proto.RegisterRequest) (record.Account, error) {
	shown, same, err := a.compare(ctx, 0, q.Name, q.Password)
	if err != nil {
		return record.Account{}, err
	}
	if !same {
		return record.Account{}, proto.Err(proto.NameTaken, "")
	}
	a.cfg.Store.Settle(ctx, shown, true)
	return shown.Account, nil
}
