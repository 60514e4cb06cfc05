package identity

import (
	"cmp"
	"context"
	"errors"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
)

// errRestored asks a caller to repeat a request. The caller's own account was lost, and
// has just been restored. The code is Unknown because the message may already be in the
// receiver's log.
var errRestored = proto.Err(proto.Unknown, "The account was lost and is made again. Repeat the request.")

// restore makes an account again that the store has lost. It returns nil if the account
// is there now. It returns lost, the error that showed the loss, if the account must not
// be made. If the store fails, restore returns its error, and the account does not
// count as absent.
func (a *Accounts) restore(ctx context.Context, lost error, user int64, name string) error {
	if !a.cfg.Open || check.Name(name) != nil || !check.ValidUser(user) {
		return lost
	}
	err := a.cfg.Store.Adopt(ctx, user, name, true)
	if errors.Is(err, record.ErrNameTaken) {
		return lost
	}
	if err == nil {
		a.cfg.Restored.Inc()
	}
	return err
}

// NamedOrRestored returns the account as Named does. It restores an account that is
// absent.
func (a *Accounts) NamedOrRestored(ctx context.Context, user int64, name string) (record.Account, error) {
	account, err := a.Named(ctx, user, name)
	if !IsNone(err) {
		return account, err
	}
	if err := a.restore(ctx, err, user, name); err != nil {
		return record.Account{}, err
	}
	return record.Account{User: user, Name: name}, nil
}

// RestoreOwn restores the caller's own account if the caller's request failed with err
// because that account was lost. Then it returns nil. Otherwise it returns err, or the
// reason why the account was not restored.
func (a *Accounts) RestoreOwn(ctx context.Context, err error, user int64, name string) error {
	if !errors.Is(err, record.ErrNoUser) {
		return err
	}
	if _, own := a.Named(ctx, user, name); !IsNone(own) {
		return cmp.Or(own, err)
	}
	return a.restore(ctx, err, user, name)
}

// OrRepeat returns err. If err came from the loss of the caller's own account, it
// returns an error with the code Unknown instead, because the request may have been
// carried out in part. It does so even if the store is not able to restore the account
// at the moment.
func (a *Accounts) OrRepeat(ctx context.Context, err error, user int64, name string) error {
	if errors.Is(err, record.ErrNoUser) && !errors.Is(a.RestoreOwn(ctx, err, user, name), record.ErrNoUser) {
		return errRestored
	}
	return err
}
