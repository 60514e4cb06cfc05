package user

import (
	"context"
	"net/url"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/record"
)

// Sessions is GET /v1/sessions. It returns the caller's devices that are logged in.
func (u *Requests) Sessions(ctx context.Context, caller token.Token, _ url.Values) (proto.SessionsAnswer, error) {
	list, err := u.cfg.Store.Logins(ctx, caller.User, token.TokenLife)
	if err != nil {
		return proto.SessionsAnswer{}, err
	}
	answer := proto.SessionsAnswer{Sessions: make([]proto.DeviceSession, 0, len(list))}
	for _, s := range list {
		answer.Sessions = append(answer.Sessions, proto.DeviceSession{
			Device: s.Device, Connected: s.Connected, Since: s.Since, Login: s.Number, Network: s.Network,
			Own: s.Device == caller.Device,
		})
	}
	return answer, nil
}

// EndSessions is POST /v1/sessions/end. It ends one session of the caller, all except the
// session of the calling device, or all. Before the answer is sent, the tokens and unused
// tickets of these sessions become void for every route.
func (u *Requests) EndSessions(ctx context.Context, caller token.Token, q proto.EndSessions) (proto.EndSessionsAnswer, error) {
	end, err := endingOf(caller, q)
	if err != nil {
		return proto.EndSessionsAnswer{}, err
	}
	pass := identity.PassOf(caller)
	return proto.EndSessionsAnswer{}, u.orRestored(ctx, caller, func() error {
		return u.end(ctx, caller.User, end, &pass)
	})
}

func endingOf(caller token.Token, q proto.EndSessions) (record.Revoking, error) {
	chosen := 0
	for _, is := range []bool{q.Device != "", q.Others, q.All} {
		if is {
			chosen++
		}
	}
	switch {
	case chosen != 1:
		return record.Revoking{}, check.Invalid("Name a device, others or all.")
	case q.Others:
		return record.Revoking{Spared: caller.Device}, nil
	case q.All:
		return record.Revoking{}, nil
	case !check.ValidDevice(q.Device):
		return record.Revoking{}, check.Device(q.Device)
	default:
		return record.Revoking{Device: q.Device}, nil
	}
}

// The method end ends the sessions that q selects, and closes their connections. The
// parameter by is the pass of the caller's token, which the store checks. If by is nil, no
// token is checked.
func (u *Requests) end(ctx context.Context, user int64, q record.Revoking, by *record.Pass) error {
	live, err := u.cfg.Store.EndSessions(ctx, user, q, by)
	if len(live) > 0 {
		out := u.cfg.Pusher.Begin()
		defer out.Send()
		for _, s := range live {
			out.Kick(user, s, proto.SessionEnded)
		}
	}
	return err
}
