package routefn

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/record"
)

// accountsAsked bounds the accounts that one report looks up at a time.
const accountsAsked = 16

// reportOpened makes the connections live that may be. Before it answers, the node
// is entered for everyone, in the step that reads the newest number: a message is
// either in that number or pushed to this node. A node that asks for the groups of
// those who opened by itself is told which they are (reportEntering), for another one
// they are entered here.
func (rt *Route) reportOpened(ctx context.Context, q *proto.ReportRequest) (*proto.ReportAnswer, error) {
	answer := &proto.ReportAnswer{Opened: make([]*proto.Opened, len(q.Opened))}
	batch := rt.admissible(ctx, q, answer)
	if len(batch.openings) == 0 {
		return answer, nil
	}
	lease := leaseOf(q.Origin)
	everyone := rt.cfg.Store.EnterNode(ctx, lease, []record.Entering{{Group: proto.Everyone}})[0]
	if everyone.Err != nil {
		return nil, everyone.Err
	}
	newest := []proto.Position{everyone.Newest}
	answer.Groups = proto.Marks(newest)
	opened := rt.open(ctx, batch)
	startErrs := rt.startCursors(ctx, batch.openings, opened, newest)
	for i := range opened {
		if opened[i].Err == nil {
			opened[i].Err = startErrs[i]
		}
	}
	groups := make([][]proto.Position, len(opened))
	if !q.Apart {
		groups = rt.enterGroups(ctx, lease, batch.openings, opened)
	}
	for i, o := range opened {
		a := rt.openedAnswer(o, append(newest[:1:1], groups[i]...))
		if q.Apart && o.Err == nil && batch.openings[i].Device != proto.CIMDevice {
			a.Groups = o.Groups
		}
		answer.Opened[batch.places[i]] = a
	}
	return answer, nil
}

// A batch is the part of a report's openings that goes to the store.
type batch struct {
	openings []record.Opening
	places   []int  // of each among the report's openings
	again    []bool // of each: a CIM connection that was reported before
	names    []string
}

// admissible returns the openings that show what they need, and answers the
// others.
func (rt *Route) admissible(ctx context.Context, q *proto.ReportRequest, answer *proto.ReportAnswer) batch {
	errs := make([]error, len(q.Opened))
	var g errgroup.Group
	g.SetLimit(accountsAsked)
	for i, o := range q.Opened {
		s := o.GetSession()
		if errs[i] = rt.checkSession(s, q.Origin.Node); errs[i] != nil || s.Device != proto.CIMDevice {
			continue
		}
		g.Go(func() error {
			errs[i] = rt.checkCIM(ctx, s)
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	var b batch
	for i, o := range q.Opened {
		if errs[i] != nil {
			answer.Opened[i] = rt.openedAnswer(record.Opened{Err: errs[i]}, nil)
			continue
		}
		b.openings = append(b.openings, rt.opening(o, q.Origin))
		b.places = append(b.places, i)
		b.again = append(b.again, o.GetAgain())
		b.names = append(b.names, o.GetSession().GetName())
	}
	return b
}

// checkCIM checks a connection that proves nothing: at least its id and name must
// match. An account that is nowhere is made with them: its user was registered
// by a CIM route, which keeps accounts in a form of its own.
func (rt *Route) checkCIM(ctx context.Context, s *proto.Session) error {
	if checkName(s.Name) != nil {
		return errMismatch
	}
	_, err := rt.accountNamed(ctx, s.User, s.Name)
	if !errors.Is(err, record.ErrNoUser) {
		return err
	}
	if err := rt.cfg.Store.Adopt(ctx, s.User, s.Name); errors.Is(err, record.ErrNameTaken) {
		return errMismatch
	} else if err != nil {
		return err
	}
	return nil
}

func (rt *Route) opening(o *proto.Opening, origin *proto.Origin) record.Opening {
	s := o.GetSession()
	displaces := o.GetDisplaces()
	if s.Device == proto.CIMDevice && s.Number == 0 { // the route's word counts, not the node's
		displaces = 0
		if rt.cfg.CIMRepeat == proto.RepeatReplace {
			displaces = token.Any
		}
	}
	var within time.Duration
	if o.GetFirst() {
		within = token.TicketLife
	}
	return record.Opening{
		User: s.User, Number: s.Number, Displaces: displaces, Within: within,
		Session: record.Session{Device: s.Device, Node: origin.Node, Boot: origin.Boot, Addr: origin.Address},
	}
}

// open opens sessions and kicks those they displace and those there is no room for. A CIM connection that finds
// its device connected is opened after all if that connection is not there.
func (rt *Route) open(ctx context.Context, b batch) []record.Opened {
	opened := rt.cfg.Store.OpenSessions(ctx, b.openings)
	rt.openAdopted(ctx, b, opened)
	rt.openAgain(ctx, b, opened)
	for i, o := range opened {
		if o.Err == nil && o.Displaced != nil {
			rt.kick(b.openings[i].User, *o.Displaced, rt.displaced(b.openings[i]))
		}
		for _, ended := range o.Ended {
			rt.kick(b.openings[i].User, ended, proto.Crowded)
		}
		for _, c := range o.Finished {
			rt.announce(&c)
		}
	}
	return opened
}

// displaced is what a connection is told that an opening displaces: that a newer one of
// its device took over. A store that lost what it had may have given the newer one the
// lower number: then what nodes report again says nothing, and whoever has a client
// behind it comes back and displaces the other.
func (rt *Route) displaced(by record.Opening) proto.Code {
	if _, recently := rt.keeper.watch.Lost(); recently && by.Within == 0 {
		return proto.SessionUnknown
	}
	return proto.Replaced
}

// openAgain asks for the connections that are in the way of CIM's, all at once,
// and opens again what may displace one that is gone. What stands in the way of a
// repeated opening at its own node is itself: its first answer was lost, and with
// it the number that it was given.
func (rt *Route) openAgain(ctx context.Context, b batch, opened []record.Opened) {
	openings := b.openings
	var g errgroup.Group
	g.SetLimit(nodesAsked)
	gone := make([]bool, len(opened))
	for i, o := range opened {
		if openings[i].Number != 0 || o.Displaced == nil || !errors.Is(o.Err, record.ErrDisplacesOther) {
			continue
		}
		if at := openings[i].Session; b.again[i] && at.Node == o.Displaced.Node && at.Boot == o.Displaced.Boot {
			gone[i] = true
			continue
		}
		g.Go(func() error {
			gone[i] = !rt.nodes.holds(ctx, openings[i].User, *o.Displaced)
			return nil
		})
	}
	_ = g.Wait() // never an error
	var again []record.Opening
	var places []int
	for i := range opened {
		if gone[i] {
			o := openings[i]
			o.Displaces = opened[i].Displaced.Number
			again, places = append(again, o), append(places, i)
		}
	}
	if len(again) == 0 {
		return
	}
	for i, o := range rt.cfg.Store.OpenSessions(ctx, again) {
		opened[places[i]] = o
	}
}

// startCursors gives the devices that are new to everyone a cursor at the newest
// entry, in opened and in the store: a newcomer is not shown what was said before.
func (rt *Route) startCursors(ctx context.Context, openings []record.Opening, opened []record.Opened, groups []proto.Position) []error {
	errs := make([]error, len(opened))
	var ackings []record.Acking
	var places []int
	for i, o := range opened {
		if o.Err != nil {
			continue
		}
		if missing := missingCursors(o.Cursors, groups); len(missing) > 0 {
			opened[i].Cursors = append(slices.Clip(o.Cursors), missing...)
			ackings = append(ackings, record.Acking{User: openings[i].User, Device: openings[i].Device, Number: o.Number, Cursors: missing})
			places = append(places, i)
		}
	}
	if len(ackings) == 0 {
		return errs
	}
	for i, err := range rt.cfg.Store.Ack(ctx, ackings) {
		errs[places[i]] = err // or it would start later at the next login, and miss what came between
	}
	return errs
}

func missingCursors(cursors, groups []proto.Position) []proto.Position {
	var missing []proto.Position
	for _, g := range groups {
		if !slices.ContainsFunc(cursors, func(c proto.Position) bool { return c.Log == g.Log }) {
			missing = append(missing, g)
		}
	}
	return missing
}

func (rt *Route) openedAnswer(o record.Opened, groups []proto.Position) *proto.Opened {
	if o.Err == nil {
		return &proto.Opened{
			Number:  o.Number,
			Newest:  proto.Marks(append([]proto.Position{o.Newest}, groups...)),
			Cursors: proto.Marks(o.Cursors),
			Version: o.Version,
		}
	}
	e := rt.asError(o.Err)
	if _, recently := rt.keeper.watch.Lost(); errors.Is(o.Err, record.ErrSuperseded) && o.Displaced != nil && !recently {
		e = proto.Err(proto.Replaced, "") // not only closed: a newer connection is there
	}
	return &proto.Opened{Code: int32(e.Code), Number: o.Number, Message: e.Error()}
}
