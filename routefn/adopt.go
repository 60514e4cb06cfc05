package routefn

import (
	"context"
	"errors"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// adopted makes the account again that a token, a proof, or a login by id and name names,
// after the store lost it, and reports whether it made it: with its id, so that whoever
// kept that finds it. In open mode only: a password is lost with its account.
func (rt *Route) adopted(ctx context.Context, user int64, name string) bool {
	if rt.cfg.Auth != AuthOpen || checkName(name) != nil || !validUser(user) {
		return false
	}
	if _, err := rt.accountNamed(ctx, user, name); !isNobody(err) {
		return false
	}
	err := rt.cfg.Store.Adopt(ctx, user, name)
	if err != nil {
		rt.cfg.Logger.Debug("account is not made again", "user", user, "err", err)
		return false
	}
	rt.metrics.adopted.Inc()
	return true
}

// openAdopted opens again what was refused because its account was lost: its ticket was
// for that account.
func (rt *Route) openAdopted(ctx context.Context, b batch, opened []record.Opened) {
	var again []record.Opening
	var places []int
	for i, o := range opened {
		if errors.Is(o.Err, record.ErrNoUser) && rt.adopted(ctx, b.openings[i].User, b.names[i]) {
			again, places = append(again, b.openings[i]), append(places, i)
		}
	}
	if len(again) == 0 {
		return
	}
	for i, o := range rt.cfg.Store.OpenSessions(ctx, again) {
		opened[places[i]] = o
	}
}

// tellLoss has all nodes ask at once what is to be done, by which they learn that the
// store lost something, and report what they hold.
func (rt *Route) tellLoss(ctx context.Context) {
	view, err := rt.members(ctx)
	if err != nil {
		return // they ask within askLatest
	}
	members := view.Members()
	for len(members) > 0 && ctx.Err() == nil {
		n := min(len(members), nodesAsked)
		rt.wakeAll(ctx, members[:n], 1)
		members = members[n:]
	}
}

// lostAccount reports whether an error of what a proven session asked for came of its own
// account being lost, and makes that again.
func (rt *Route) lostAccount(ctx context.Context, err error, s *proto.Session) bool {
	return errors.Is(err, record.ErrNoUser) && rt.adopted(ctx, s.GetUser(), s.GetName())
}
