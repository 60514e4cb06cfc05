package routefn

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/record"
)

// A landing is where a login was sent.
type landing struct {
	member    ring.Member
	number    int64
	displaces int64 // what its ticket may displace
}

// land issues the next number of a device and picks a node for it, around those
// in avoid. The error has the code NoNode, or Rejected when repeat says so and
// the device is connected. A token that does not count is record.ErrVoid.
func (rt *Route) land(ctx context.Context, who record.Issuing, avoid []string, repeat string) (landing, error) {
	view, err := rt.firstServing(ctx)
	if err != nil {
		return landing{}, err
	}
	if view.Ring().Len() == 0 { // before a number is taken for nothing
		return landing{}, proto.Err(proto.NoNode, "")
	}
	begun := time.Now()
	issued, err := rt.cfg.Store.IssueNumber(ctx, who)
	rt.admission.Answered(time.Since(begun))
	if err != nil {
		return landing{}, err
	}
	displaces := token.Any
	if repeat == proto.RepeatReject {
		if displaces, err = rt.mayDisplace(ctx, who.User, issued.Live); err != nil {
			return landing{}, err
		}
	}
	member, _ := ring.Pick(view, who.User, issued.LastNode, avoid, rt.turn.Add(1), rt.cfg.Policy)
	return landing{member: member, number: issued.Number, displaces: displaces}, nil
}

// mayDisplace returns the number that a rejecting login may displace: that of a
// connection which is recorded and not there, so that a crash locks nobody out.
// If it is there the error has the code Rejected. Whoever connects in between
// has another number and is safe.
func (rt *Route) mayDisplace(ctx context.Context, user int64, live *record.Session) (int64, error) {
	if live == nil {
		return 0, nil
	}
	if rt.nodes.holds(ctx, user, *live) {
		return 0, proto.Err(proto.Rejected, "")
	}
	return live.Number, nil
}

// A route and the nodes often start together, and who logs in then must not hear that
// no node is serving: until the route has seen the first that does, a login waits.
const (
	firstNodeTime  = 5 * time.Second
	firstNodeEvery = 50 * time.Millisecond
)

// firstServing returns the current members. If none of them serves, none ever did as
// far as the route knows, and one may soon, it waits for that for firstNodeTime.
func (rt *Route) firstServing(ctx context.Context) (*ring.View, error) {
	for end := time.Now().Add(firstNodeTime); ; {
		view, err := rt.members(ctx)
		if err != nil {
			return nil, err
		}
		if view.Ring().Len() > 0 {
			rt.served.Store(true)
		}
		leaves := slices.ContainsFunc(view.Members(), func(m ring.Member) bool { return m.State == ring.Draining })
		if rt.served.Load() || leaves || time.Now().After(end) {
			return view, nil
		}
		select {
		case <-time.After(firstNodeEvery):
		case <-ctx.Done():
			return view, nil
		}
	}
}

// members returns the current members. The error has the code Unavailable.
func (rt *Route) members(ctx context.Context) (*ring.View, error) {
	view, err := rt.cfg.Members(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", proto.Err(proto.Unavailable, "The members are not known."), err)
	}
	return view, nil
}
