package routefn

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// Logout serves POST /v1/logout: it logs a device of the caller out, the caller's own
// if none is named. Its session is closed and told why; its token and its unused
// tickets are void for every route when the answer is there.
func (rt *Route) Logout(w http.ResponseWriter, r *http.Request) {
	rt.serve(w, r, "logout", jsonFormat, func(ctx context.Context) (any, error) {
		caller, err := rt.caller(r)
		if err != nil {
			return nil, err
		}
		var q proto.LogoutRequest
		if err := decodeJSON(w, r, rt.cfg.MaxBody, &q); err != nil {
			return nil, err
		}
		if q.Device != "" && !validDevice(q.Device) {
			return nil, checkDevice(q.Device)
		}
		pass := passOf(caller)
		return proto.LogoutAnswer{}, rt.logout(ctx, caller.User, cmp.Or(q.Device, caller.Device), &pass)
	})
}

// logout logs a device out for who shows the pass; nil: for anybody.
func (rt *Route) logout(ctx context.Context, user int64, device string, by *record.Pass) error {
	live, err := rt.cfg.Store.Logout(ctx, user, device, by)
	if live != nil {
		rt.kick(user, *live, proto.LoggedOut)
	}
	if errors.Is(err, record.ErrNoUser) { // who has no account is logged in nowhere
		return nil
	}
	return err
}

// session returns the live session of a device, or nil.
func (rt *Route) session(ctx context.Context, user int64, device string) (*record.Session, error) {
	sessions, err := rt.cfg.Store.Sessions(ctx, user)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(sessions, func(s record.Session) bool { return s.Device == device })
	if i < 0 {
		return nil, nil
	}
	return &sessions[i], nil
}

// kick has the node close a connection and tell it why.
func (rt *Route) kick(user int64, s record.Session, code proto.Code) {
	rt.push.kick(s.Addr, s.Boot, &proto.Kick{User: user, Device: s.Device, Number: s.Number, Code: int32(code)})
}
