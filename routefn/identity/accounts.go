package identity

import (
	"context"
	"errors"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/failure"
	"github.com/cim-go/cim/routefn/identity/jwt"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/naming"
	"github.com/cim-go/cim/routefn/record"
)

// Keyring knows whether the route has all keys by which routes make tokens.
type Keyring interface {
	// Settled reports whether this route knows every key with which any route makes
	// tokens.
	Settled() bool
	// Certain reports whether the store has lost no data lately.
	Certain() bool
}

// Counter counts restored accounts.
type Counter interface{ Inc() }

// Observer counts hashed passwords. It also counts refusals of passwords, registrations,
// and tokens of another system.
type Observer interface {
	PasswordHashed(waited time.Duration)
	PasswordRefused(why Reason)
	TokenRefused(why jwt.Reason)
}

// Config configures Accounts. All fields but Foreign, Open and Limits are required.
type Config struct {
	Store    *record.Store
	Keys     Keyring
	Issuer   *token.Issuer
	Codes    *failure.Codes
	Restored Counter
	Observer Observer
	Open     bool          // open mode: a name is enough to log in
	Foreign  *jwt.Verifier // users log in by tokens of another system; nil: they do not
	Limits   limit.Limits  // on wrong passwords and registrations

	// ProofLife is how long proofs are valid. If it is zero, they do not expire, and Now
	// is not used.
	ProofLife time.Duration
	Now       func() time.Time // the clock of the process, which is used while the store's clock is not known
}

// Accounts finds out who calls. Make it with New; it is safe for concurrent use.
type Accounts struct {
	cfg       Config
	passwords *passwords
}

// New returns Accounts. It hashes passwords on half of the processors that Go uses when
// New is called.
func New(c Config) *Accounts { return &Accounts{cfg: c, passwords: newPasswords(c.Observer)} }

// withPasswords reports whether accounts have passwords.
func (a *Accounts) withPasswords() bool { return !a.cfg.Open && a.cfg.Foreign == nil }

// IsNone reports whether err means that there is no such account.
func IsNone(err error) bool {
	return errors.Is(err, record.ErrNoUser) || errors.Is(err, ErrMismatch)
}

// ErrMismatch is returned for an id and a name of different accounts.
var ErrMismatch = proto.Err(proto.WrongPassword, "The id and the name belong to different accounts.")

// Named returns the account with the given id and name. The id may be zero, or the name
// may be empty. Named first looks for the name exactly as it is written. Then it looks for
// the name's normal form, in which new names are stored. The error is record.ErrNoUser,
// ErrMismatch, or another error of the store.
func (a *Accounts) Named(ctx context.Context, user int64, name string) (record.Account, error) {
	if user == 0 {
		account, err := a.cfg.Store.AccountByName(ctx, name)
		if normal := naming.Normal(name); errors.Is(err, record.ErrNoUser) && normal != name {
			return a.cfg.Store.AccountByName(ctx, normal)
		}
		return account, err
	}
	if !check.ValidUser(user) {
		return record.Account{}, record.ErrNoUser
	}
	if name == "" {
		return a.cfg.Store.AccountByID(ctx, user)
	}
	account, err := a.cfg.Store.AccountNamed(ctx, user, name)
	if err != nil {
		return record.Account{}, err
	}
	if account.Name != name && account.Name != naming.Normal(name) {
		return record.Account{}, ErrMismatch
	}
	return account, nil
}
