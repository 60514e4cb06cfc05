package identity

import (
	"cmp"
	"context"
	"errors"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
)

// errRestored asks a caller to repeat a request, because the caller's own account was
// lost and has just been restored. The code is Unknown because the request's message
// may be in the receiver's log already.
var errRestored = proto.Err(proto.Unknown, "The account was lost and is being restored. Repeat the request.")

// restore restores an account that the store has lost. It returns nil if the account
// exists afterwards. The parameter lost is the error that showed the loss. If the account
// must not be made, restore returns that error. If the store fails, restore returns the
// error of the store.
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

// NamedOrRestored returns the account as Named does. If the account is absent, it
// restores the account first.
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

// RestoreOwn handles err, the error of a caller's request. If the request failed because
// the caller's own account was lost, RestoreOwn restores the account and returns nil. If
// the restoring fails, it returns the error of that. For any other request, it returns
// err.
func (a *Accounts) RestoreOwn(ctx context.Context, err error, user int64, name string) error {
	if !errors.Is(err, record.ErrNoUser) {
		return err
	}
	if _, own := a.Named(ctx, user, name); !IsNone(own) {
		return cmp.Or(own, err)
	}
	return a.restore(ctx, err, user, name)
}

// OrRepeat returns the error for the answer to a request that failed with err. That is
// err, unless the request failed because the caller's own account was lost. In that case
// OrRepeat restores the account, and returns an error with the code Unknown. The reason is
// that a part of the request may have been carried out. It returns that error even if the
// store cannot restore the account now.
func (a *Accounts) OrRepeat(ctx context.Context, err error, user int64, name string) error {
	if errors.Is(err, record.ErrNoUser) && !errors.Is(a.RestoreOwn(ctx, err, user, name), record.ErrNoUser) {
		return errRestored
	}
	return err
}
