package identity

import (
	"context"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/sourceip"
	"github.com/cim-go/cim/routefn/failure"
	"github.com/cim-go/cim/routefn/record"
)

// Limits bound how often passwords are tried and accounts are made. They hold for all
// routes together, because the store counts. The zero Limits bound nothing. An address is
// a block of sourceip.
type Limits struct {
	// Strangers bounds the wrong passwords for one account from all addresses from which
	// nobody logged in to it.
	Strangers record.Rate
	// Known bounds the wrong passwords for one account from one address from which
	// somebody logged in to it. Beyond it the address counts as a stranger's.
	Known record.Rate
	// Address bounds the wrong passwords from one address that is a stranger's.
	Address record.Rate
	// Registrations bounds the accounts that are made from one address.
	Registrations record.Rate
}

// DefaultLimits are those where strangers can connect.
func DefaultLimits() Limits {
	return Limits{
		Strangers:     record.Rate{Burst: 10, Every: time.Minute},
		Known:         record.Rate{Burst: 100, Every: time.Minute},
		Address:       record.Rate{Burst: 100, Every: time.Minute},
		Registrations: record.Rate{Burst: 100, Every: 3 * time.Minute}, // 20 an hour
	}
}

// Reason says why a password was not compared, or an account not made.
type Reason string

// The reasons.
const (
	TooManyForAccount    Reason = "account"       // Limits.Strangers
	TooManyFromAddress   Reason = "address"       // Limits.Address
	TooManyRegistrations Reason = "registrations" // Limits.Registrations
	NoTurn               Reason = "queue"         // too many passwords wait to be hashed
)

// Reasons returns all reasons.
func Reasons() []Reason {
	return []Reason{TooManyForAccount, TooManyFromAddress, TooManyRegistrations, NoTurn}
}

// refusals are what callers read. They are the same for an account that does not exist.
var refusals = map[Reason]*proto.Error{
	TooManyForAccount:    proto.Err(proto.Overloaded, "There were too many wrong passwords for this account. Try again later."),
	TooManyFromAddress:   proto.Err(proto.Overloaded, "There were too many wrong passwords from your address. Try again later."),
	TooManyRegistrations: proto.Err(proto.Overloaded, "Too many accounts were made from your address. Try again later."),
}

func (a *Accounts) refuse(why Reason, wait time.Duration) error {
	a.cfg.Observer.PasswordRefused(why)
	return &failure.Later{Refusal: refusals[why], After: wait}
}

// compare reports whether the password is that of the account with the id, the name, or
// both. An account that does not exist costs as much as one that does. The caller settles
// a password that is right. The error has the code Overloaded if the limits do not allow
// to compare it, or if too many wait for their turn.
func (a *Accounts) compare(ctx context.Context, user int64, name, password string) (shown *record.Tried, same bool, err error) {
	l := a.cfg.Limits
	shown, err = a.cfg.Store.Try(ctx, record.Trying{
		User: user, Name: name, From: a.address(ctx), Strangers: l.Strangers, Known: l.Known, Address: l.Address,
	})
	if err != nil {
		return nil, false, err
	}
	switch shown.Refused {
	case record.RefusedAccount:
		return nil, false, a.refuse(TooManyForAccount, shown.Wait)
	case record.RefusedAddress:
		return nil, false, a.refuse(TooManyFromAddress, shown.Wait)
	}
	by := claim{party: party{known: true, name: shown.Subject}}
	if !shown.Known {
		by = a.strange(ctx, shown.Out-1)
	}
	same, err = a.passwords.verify(ctx, by, shown.Account.Credential, password)
	if err != nil { // it was not compared
		a.cfg.Store.Settle(ctx, shown, false)
	}
	return shown, same, err
}

// Settle settles the password of a login that failed after it was found right.
func (a *Accounts) Settle(ctx context.Context, p Proven) { a.cfg.Store.Settle(ctx, p.Shown, true) }

// LoggedIn has the account know the address of a login whose token was found valid. A
// password tells that by itself.
func (a *Accounts) LoggedIn(ctx context.Context, p Proven) {
	if p.Pass != nil && !a.cfg.Open {
		a.cfg.Store.Met(ctx, p.Account.Name, a.address(ctx))
	}
}

// takeRegistration counts a registration and returns how many count against the address,
// or why there may be no more.
func (a *Accounts) takeRegistration(ctx context.Context) (out int, err error) {
	if a.cfg.Limits.Registrations.Burst == 0 {
		return 0, nil
	}
	out, wait, err := a.cfg.Store.TakeRegistration(ctx, a.address(ctx), a.cfg.Limits.Registrations)
	if err == nil && wait > 0 {
		err = a.refuse(TooManyRegistrations, wait)
	}
	return out, err
}

func (a *Accounts) giveRegistration(ctx context.Context) {
	if a.cfg.Limits.Registrations.Burst > 0 {
		a.cfg.Store.GiveRegistration(ctx, a.address(ctx), a.cfg.Limits.Registrations)
	}
}

// strange returns the claim of a caller whom the account does not know. count is how much
// counts against the caller's address.
func (a *Accounts) strange(ctx context.Context, count int) claim {
	return claim{party: party{name: block(ctx)}, level: count}
}

// block returns the addresses that count as one with the caller's.
func block(ctx context.Context) string { return sourceip.Block(sourceip.Client(ctx)).String() }

// address returns the caller's address as the store keeps it.
func (a *Accounts) address(ctx context.Context) record.Address {
	return a.cfg.Issuer.Digests("address " + block(ctx))
}
