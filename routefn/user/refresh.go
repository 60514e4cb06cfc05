package user

import (
	"context"
	"errors"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/sourceip"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/record"
)

// Refresh is POST /v1/refresh. It replaces a refresh token and answers with an access
// token. A repetition gets an answer, too (record.Store.Refresh). If the token was
// replaced before and its successor was used, somebody has a copy of the token. Then
// Refresh ends the session. Refresh needs no node, so that messages can be sent over HTTP
// while no node serves.
func (u *Requests) Refresh(ctx context.Context, q proto.RefreshRequest) (proto.RefreshAnswer, error) {
	t, err := u.cfg.Accounts.Refresh(q.Refresh)
	if err != nil {
		return proto.RefreshAnswer{}, err
	}
	sourceip.Proved(ctx)
	pass := record.RefreshPass{
		User: t.User, Device: t.Device, Number: t.Number, Generation: t.Generation, ID: t.ID, Expires: t.Expires.UnixMilli(),
	}
	refreshed, err := u.cfg.Store.Refresh(ctx, pass)
	if errors.Is(err, record.ErrNoUser) {
		if _, err = u.cfg.Accounts.NamedOrRestored(ctx, t.User, t.Name); err == nil {
			refreshed, err = u.cfg.Store.Refresh(ctx, pass)
		}
	}
	switch {
	case identity.IsNone(err):
		return proto.RefreshAnswer{}, u.cfg.Codes.Absent(proto.Err(proto.Unauthorized, "The account of the token is gone."))
	case errors.Is(err, record.ErrReplayed):
		return proto.RefreshAnswer{}, u.stolen(ctx, t)
	case err != nil:
		return proto.RefreshAnswer{}, err
	}
	t.Generation = refreshed.Generation
	since := refreshed.Used
	if since == 0 {
		t.ID, since = token.NewID(), refreshed.Time
	}
	return u.chained(t, refreshed.Time, since)
}

// stolen ends the session of a refresh token that was used again, and returns the error
// for the caller.
func (u *Requests) stolen(ctx context.Context, t token.Refresh) error {
	if err := u.end(ctx, t.User, record.Revoking{Device: t.Device}, nil); err != nil {
		return err // the next time the token comes, the session is ended
	}
	u.cfg.Replayed.Add(1)
	u.cfg.Log.Warn("a refresh token came again, so its session was ended", "user", t.User, "device", t.Device)
	return proto.Err(proto.SessionEnded, "A copy of this device's token was used. Log in again.")
}

// chained makes an access token and the refresh token in the parameter t. The parameter
// now is the time by the store's clock, by which both tokens expire. The life of t begins
// at the time since, so that a repetition gets the same text of t. Both times are in ms.
func (u *Requests) chained(t token.Refresh, now, since int64) (proto.RefreshAnswer, error) {
	access, err := u.cfg.Issuer.Token(token.Token{
		User: t.User, Name: t.Name, Device: t.Device, Number: t.Number, Expires: time.UnixMilli(now).Add(token.AccessLife), Access: true,
	})
	if err != nil {
		return proto.RefreshAnswer{}, err
	}
	t.Expires = time.UnixMilli(since).Add(token.RefreshLife)
	next, err := u.cfg.Issuer.Refresh(t)
	if err != nil {
		return proto.RefreshAnswer{}, err
	}
	return proto.RefreshAnswer{Access: access, AccessSeconds: int(token.AccessLife / time.Second), Refresh: next}, nil
}
