package user

import (
	"context"
	"errors"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/record"
)

// DeleteAccount is POST /v1/account/delete. It deletes the caller's account. When it
// answers, nobody can use the account any more, and its tokens are void for every route.
// A job of the store's queue removes the rest. A repetition gets the same answer,
// although its token is void.
func (u *Requests) DeleteAccount(ctx context.Context, caller token.Token, q proto.DeleteAccount) (proto.DeletedAccount, error) {
	account, err := u.cfg.Store.AccountByID(ctx, caller.User)
	if err == nil {
		err = u.mayDelete(ctx, caller, account, q)
	}
	if err != nil && !errors.Is(err, record.ErrErased) {
		return proto.DeletedAccount{}, err
	}
	live, err := u.cfg.Store.EraseAccount(ctx, caller.User)
	if len(live) > 0 {
		out := u.cfg.Pusher.Begin()
		defer out.Send()
		for _, s := range live {
			out.Kick(caller.User, s, proto.SessionEnded)
		}
	}
	return proto.DeletedAccount{}, err
}

// mayDelete returns nil if the token is valid and the caller has confirmed the request as
// the mode requires.
func (u *Requests) mayDelete(ctx context.Context, caller token.Token, account record.Account, q proto.DeleteAccount) error {
	if err := u.cfg.Store.Judge(record.WithPass(ctx, identity.PassOf(caller))); err != nil {
		return err
	}
	return u.cfg.Accounts.Confirm(ctx, account, caller.Device, q)
}
