package routefn

import (
	"cmp"
	"context"
	"errors"

	"github.com/cim-go/cim/routefn/record"
)

// adopt makes the account again that a token, a proof, or a login by id and name names,
// after the store lost it: with its id, so that whoever kept that finds it. In open mode
// only: a password is lost with its account. It returns nil if the account is there now;
// lost, by which the caller knew that it is not, if it may not be made; and the store's
// error if that does not answer, or is full: nobody is to hear then that it is gone.
func (rt *Route) adopt(ctx context.Context, lost error, user int64, name string) error {
	if rt.cfg.Auth != AuthOpen || checkName(name) != nil || !validUser(user) {
		return lost
	}
	err := rt.cfg.Store.Adopt(ctx, user, name)
	if errors.Is(err, record.ErrNameTaken) {
		return lost
	}
	if err == nil {
		rt.metrics.adopted.Inc()
	}
	return err
}

// accountAgain is accountNamed, and makes an account that is nowhere as adopt does.
func (rt *Route) accountAgain(ctx context.Context, user int64, name string) (record.Account, error) {
	account, err := rt.accountNamed(ctx, user, name)
	if !isNobody(err) {
		return account, err
	}
	if err := rt.adopt(ctx, err, user, name); err != nil {
		return record.Account{}, err
	}
	return record.Account{User: user, Name: name}, nil
}

// adopted makes again the account of who asked for something that found no account, if it
// was that one: nil. Else the answer is err, or what adopt returns.
func (rt *Route) adopted(ctx context.Context, err error, user int64, name string) error {
	if !errors.Is(err, record.ErrNoUser) {
		return err
	}
	if _, own := rt.accountNamed(ctx, user, name); !isNobody(own) {
		return cmp.Or(own, err)
	}
	return rt.adopt(ctx, err, user, name)
}

// orRepeat returns err, or errAdopted if it came of the caller's own account being lost.
// That is so even if the store does not let it be made again at the moment: what was asked
// for may be done in part.
func (rt *Route) orRepeat(ctx context.Context, err error, user int64, name string) error {
	if errors.Is(err, record.ErrNoUser) && !errors.Is(rt.adopted(ctx, err, user, name), record.ErrNoUser) {
		return errAdopted
	}
	return err
}

// openAdopted opens again what was refused because its account was lost: its ticket was
// for that account.
func (rt *Route) openAdopted(ctx context.Context, b batch, opened []record.Opened) {
	var again []record.Opening
	var places []int
	for i, o := range opened {
		if o.Err == nil {
			continue
		}
		if opened[i].Err = rt.adopted(ctx, o.Err, b.openings[i].User, b.names[i]); opened[i].Err == nil {
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
