package user

import (
	"cmp"
	"context"
	"errors"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/record"
)

// Logout is POST /v1/logout. It logs out the device that the request names. If the request
// names none, it logs out the calling device. It closes the connection of the device's
// session. Before the answer is sent, the device's token and its unused tickets become
// void for every route.
//
// If the store lost the account, Logout restores the account first. If it did not, the
// next request with the token would restore the account, and the device would not be
// logged out.
func (u *Requests) Logout(ctx context.Context, caller token.Token, q proto.LogoutRequest) (proto.LogoutAnswer, error) {
	if q.Device != "" && !check.ValidDevice(q.Device) {
		return proto.LogoutAnswer{}, check.Device(q.Device)
	}
	device, pass := cmp.Or(q.Device, caller.Device), identity.PassOf(caller)
	return proto.LogoutAnswer{}, u.orRestored(ctx, caller, func() error {
		return u.LogoutDevice(ctx, caller.User, device, &pass)
	})
}

// orRestored calls the function run, which makes tokens void. If the store lost the
// caller's account, orRestored restores the account and calls run again. If the account
// cannot be restored, there is nothing to make void, and orRestored returns nil.
func (u *Requests) orRestored(ctx context.Context, caller token.Token, run func() error) error {
	err := run()
	if errors.Is(err, record.ErrNoUser) {
		if _, err = u.cfg.Accounts.NamedOrRestored(ctx, caller.User, caller.Name); err == nil {
			err = run()
		}
	}
	if identity.IsNone(err) {
		err = nil
	}
	return err
}

// LogoutDevice logs out a device and closes the connection of its session. The parameter
// by is the pass of the caller's token, which the store checks. If by is nil, no token is
// checked.
func (u *Requests) LogoutDevice(ctx context.Context, user int64, device string, by *record.Pass) error {
	live, err := u.cfg.Store.Logout(ctx, user, device, by)
	if live != nil {
		out := u.cfg.Pusher.Begin()
		defer out.Send()
		out.Kick(user, *live, proto.LoggedOut)
	}
	return err
}
