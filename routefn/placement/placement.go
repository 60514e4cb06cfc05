// Package placement picks the node to which a login is sent, and issues the number of
// the session that the device gets there.
package placement

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/nodes"
	"github.com/cim-go/cim/routefn/record"
)

// Timing records how long the store takes. Load shedding depends on it.
type Timing interface {
	Answered(took time.Duration)
}

// Config configures a Placer. All fields are required.
type Config struct {
	Store   *record.Store
	Members func(context.Context) (*ring.View, error) // errors are *proto.Error
	Nodes   *nodes.Client
	Timing  Timing
	Policy  ring.Policy
}

// A Placer places sessions on nodes. Make it with New; it is safe for concurrent use.
type Placer struct {
	cfg    Config
	served atomic.Bool   // this route has seen a serving node, see serving
	turn   atomic.Uint64 // counts placements, from a random start: see ring.Pick
}

// New returns a Placer.
func New(c Config) *Placer {
	p := &Placer{cfg: c}
	p.turn.Store(rand.Uint64())
	return p
}

// MaxAvoid is how many nodes a login may ask to avoid.
const MaxAvoid = 16

// A Place is the node to which a login is sent, with the values for its ticket.
type Place struct {
	Member    ring.Member
	Number    int64 // of the session
	Displaces int64 // the number of the session that its ticket may displace; token.Any: any session of the device
	Time      int64 // when the number was issued, in ms by the store's clock
}

// Place issues the next number for a device, and picks a node for it. The parameter who
// names the device. Place picks one of the nodes in the parameter avoid only if there is
// no other node. If no node takes users, the error has the code NoNode. It has the code
// Rejected if the parameter repeat is proto.RepeatReject and the device is connected. It
// returns record.ErrVoid if the login's token is void.
func (p *Placer) Place(ctx context.Context, who record.Issuing, avoid []string, repeat string) (Place, error) {
	view, err := p.serving(ctx)
	if err != nil {
		return Place{}, err
	}
	if view.Ring().Len() == 0 { // without a node, a number would be issued in vain
		return Place{}, proto.Err(proto.NoNode, "")
	}
	begun := time.Now()
	issued, err := p.cfg.Store.IssueNumber(ctx, who)
	p.cfg.Timing.Answered(time.Since(begun))
	if err != nil {
		return Place{}, err
	}
	displaces := token.Any
	if repeat == proto.RepeatReject {
		if displaces, err = p.mayDisplace(ctx, who.User, issued.Live); err != nil {
			return Place{}, err
		}
	}
	member, _ := p.Pick(ctx, view, who.User, issued.LastNode, avoid, nil)
	return Place{Member: member, Number: issued.Number, Displaces: displaces, Time: issued.Time}, nil
}

// mayDisplace is for a login that must not displace a connected device. The parameter
// live is the device's session in the store, or nil. If the connection of that session is
// gone, mayDisplace returns the session's number, so that a crash does not lock out the
// device. If the connection still exists, the error has the code Rejected. A session that
// opens in between has another number, so it cannot be displaced.
func (p *Placer) mayDisplace(ctx context.Context, user int64, live *record.Session) (int64, error) {
	if live == nil {
		return 0, nil
	}
	if p.cfg.Nodes.Holds(ctx, user, *live) {
		return 0, proto.Err(proto.Rejected, "")
	}
	return live.Number, nil
}

// pickTimeout bounds how long Pick waits for nodes that do not answer.
const pickTimeout = 2 * nodes.Timeout

// Pick does what ring.Pick does, but avoids unreachable nodes, which stay in the list of
// members for some seconds. Only the users of these nodes go elsewhere. Pick never returns
// one of the members in the parameter gone. If no other member is reachable, it picks as
// if all members were reachable. The parameter last names the node where the user was
// connected last.
func (p *Placer) Pick(ctx context.Context, view *ring.View, user int64, last string, avoid, gone []string) (member ring.Member, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, pickTimeout)
	defer cancel()
	turn := p.turn.Add(1)
	var first ring.Member
	for {
		around := slices.Concat(avoid, gone)
		if member, ok = ring.Pick(view, user, last, around, turn, p.cfg.Policy); !ok {
			return first, false
		}
		if slices.Contains(around, member.ID) { // a node that the login avoids is better than a node that is gone
			member, _ = ring.Pick(view, user, last, gone, turn, p.cfg.Policy)
		}
		if slices.Contains(gone, member.ID) {
			return first, first.ID != ""
		}
		if first.ID == "" {
			first = member
		}
		if ctx.Err() != nil || p.cfg.Nodes.Reachable(ctx, member.HTTP) {
			return member, true
		}
		gone = append(slices.Clip(gone), member.ID)
	}
}

// Routes and nodes often start together. So until a route has seen a serving node, a
// login waits for up to firstNodeTimeout. Meanwhile it looks for a node once per
// firstNodeEvery.
const (
	firstNodeTimeout = 5 * time.Second
	firstNodeEvery   = 50 * time.Millisecond
)

// serving returns the current members. If none of them serves, and the route has never
// seen a serving node, it waits for the first one, for firstNodeTimeout at most.
func (p *Placer) serving(ctx context.Context) (*ring.View, error) {
	for end := time.Now().Add(firstNodeTimeout); ; {
		view, err := p.cfg.Members(ctx)
		if err != nil {
			return nil, err
		}
		if view.Ring().Len() > 0 {
			p.served.Store(true)
		}
		leaves := slices.ContainsFunc(view.Members(), func(m ring.Member) bool { return m.State == ring.Draining })
		if p.served.Load() || leaves || time.Now().After(end) {
			return view, nil
		}
		select {
		case <-time.After(firstNodeEvery):
		case <-ctx.Done():
			return view, nil
		}
	}
}
