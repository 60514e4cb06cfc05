package identity

import (
	"context"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/sourceip"
	"github.com/cim-go/cim/routefn/failure"
	"github.com/cim-go/cim/routefn/record/accounts"
)

// Reason is why a password was not compared, or why an account was not made.
type Reason string

// The reasons.
const (
	TooManyForAccount    Reason = "account"       // limit.Limits.WrongPasswords
	TooManyFromAddress   Reason = "address"       // limit.Limits.WrongPasswordsAddress
	TooManyRegistrations Reason = "registrations" // limit.Limits.Registrations
	NoTurn               Reason = "queue"         // too many passwords wait to be hashed
)

// Reasons returns all reasons.
func Reasons() []Reason {
	return []Reason{TooManyForAccount, TooManyFromAddress, TooManyRegistrations, NoTurn}
}

// refusals has the errors for callers. They are the same whether the account exists or
// not.
var refusals = map[Reason]*proto.Error{
	TooManyForAccount:    proto.Err(proto.Overloaded, "There were too many wrong passwords for this account. Try again later."),
	TooManyFromAddress:   proto.Err(proto.Overloaded, "There were too many wrong passwords from your address. Try again later."),
	TooManyRegistrations: proto.Err(proto.Overloaded, "Too many accounts were made from your address. Try again later."),
}

func (a *Accounts) refuse(why Reason, wait time.Duration) error {
	a.cfg.Observer.PasswordRefused(why)
	return &failure.Later{Refusal: refusals[why], After: wait}
}

// compare reports whether the password is right for the account with the given id, the
// given name, or both. It takes as long if there is no such account. The result shown is
// the try of the password. If the password is right, the caller must settle that try. The
// error has the code Overloaded if the limits forbid the comparison, or if too many
// passwords wait to be hashed.
func (a *Accounts) compare(ctx context.Context, user int64, name, password string) (shown *accounts.Tried, same bool, err error) {
	l := a.cfg.Limits
	shown, err = a.cfg.Store.Try(ctx, accounts.Trying{
		User: user, Name: name, From: a.address(ctx), Strangers: l.WrongPasswords, Known: l.WrongPasswordsKnown,
		Address: l.WrongPasswordsAddress,
	})
	if err != nil {
		return nil, false, err
	}
	switch shown.Refused {
	case accounts.RefusedAccount:
		return nil, false, a.refuse(TooManyForAccount, shown.Wait)
	case accounts.RefusedAddress:
		return nil, false, a.refuse(TooManyFromAddress, shown.Wait)
	}
	by := claim{party: party{known: true, name: shown.Subject}}
	if !shown.Known {
		by = a.strange(ctx, shown.Out-1)
	}
	same, err = a.passwords.verify(ctx, by, shown.Account.Credential, password)
	if err != nil { // the password was not compared
		a.cfg.Store.Settle(ctx, shown, false)
	}
	return shown, same, err
}

// Settle is for a login that failed for another reason although its password was right.
// After Settle the password does not count as wrong, and the account knows the address.
func (a *Accounts) Settle(ctx context.Context, p Proven) { a.cfg.Store.Settle(ctx, p.Shown, true) }

// LoggedIn makes the address of a login known to the login's account, if the login showed
// a token. Call it only after the store has found the token valid. After a login with a
// password, the account knows the address already, because the password was settled.
func (a *Accounts) LoggedIn(ctx context.Context, p Proven) {
	if p.Pass != nil && a.withPasswords() {
		a.cfg.Store.Met(ctx, p.Account.Name, a.address(ctx))
	}
}

// takeRegistration counts a registration against the caller's address. It returns how
// many registrations count. If there are too many, it returns the error of a refusal.
func (a *Accounts) takeRegistration(ctx context.Context) (out int, err error) {
	if !a.cfg.Limits.Registrations.On() {
		return 0, nil
	}
	out, wait, err := a.cfg.Store.TakeRegistration(ctx, a.address(ctx), a.cfg.Limits.Registrations)
	if err == nil && wait > 0 {
		err = a.refuse(TooManyRegistrations, wait)
	}
	return out, err
}

func (a *Accounts) giveRegistration(ctx context.Context) {
	if a.cfg.Limits.Registrations.On() {
		a.cfg.Store.GiveRegistration(ctx, a.address(ctx), a.cfg.Limits.Registrations)
	}
}

// The method strange returns the claim (see turns.go) of a caller whose address the
// account does not know. The parameter count is how many wrong passwords or registrations
// count against that address.
func (a *Accounts) strange(ctx context.Context, count int) claim {
	return claim{party: party{name: block(ctx)}, level: count}
}

// block returns, as text, the block of addresses that counts as the caller's address
// (sourceip.Block).
func block(ctx context.Context) string { return sourceip.Block(sourceip.Client(ctx)).String() }

// address returns the caller's address as digests, which is the form in the store.
func (a *Accounts) address(ctx context.Context) accounts.Address {
	return a.cfg.Issuer.Digests("address " + block(ctx))
}
