package routefn

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// Logout serves POST /v1/logout: it closes the session of a device of the caller,
// his own if he names none, and tells the connection why. Without a session it
// does nothing.
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
		return proto.LogoutAnswer{}, rt.logout(ctx, caller.User, cmp.Or(q.Device, caller.Device))
	})
}

func (rt *Route) logout(ctx context.Context, user int64, device string) error {
	live, err := rt.session(ctx, user, device)
	if err != nil || live == nil {
		return err
	}
	closing := record.Closing{User: user, Device: device, Number: live.Number}
	if err := rt.cfg.Store.CloseSessions(ctx, []record.Closing{closing})[0]; err != nil {
		return err
	}
	rt.kick(user, *live, proto.LoggedOut)
	return nil
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
