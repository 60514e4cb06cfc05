package node

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/nodes"
	"github.com/cim-go/cim/routefn/record"
)

// accountsAtATime bounds the accounts that one report looks up at a time.
const accountsAtATime = 16

// reportOpened makes the admissible connections live. Before it answers, it enters the
// node for the group of everyone, in the step that reads the newest number. So a
// message is either counted in that number or pushed to this node. A node that enters
// groups itself gets the list of them (see reportEntered). For other nodes they are
// entered here.
func (n *Requests) reportOpened(ctx context.Context, q *proto.ReportRequest) (*proto.ReportAnswer, error) {
	answer := &proto.ReportAnswer{Opened: make([]*proto.Opened, len(q.Opened))}
	b := n.admissible(ctx, q, answer)
	if len(b.list) == 0 {
		return answer, nil
	}
	defer n.cfg.Admission.Hold(len(b.list))()
	lease := leaseOf(q.Origin)
	everyone := n.cfg.Store.EnterNode(ctx, lease, []record.Entering{{Group: proto.Everyone}})[0]
	if everyone.Err != nil {
		return nil, everyone.Err
	}
	newest := []proto.Position{everyone.Newest}
	answer.Groups = proto.Marks(newest)
	for i := range b.list {
		b.list[i].Start = everyone.Newest // for devices that are new to everyone
	}
	opened := n.open(ctx, b)
	groups := make([][]proto.Position, len(opened))
	if !q.Apart {
		groups = n.enterAll(ctx, lease, b.list, opened)
	}
	for i, o := range opened {
		a := n.openedAnswer(o, append(newest[:1:1], groups[i]...))
		if q.Apart && o.Err == nil && b.list[i].Device != proto.CIMDevice {
			a.Groups = o.Groups
		}
		answer.Opened[b.places[i]] = a
	}
	return answer, nil
}

// openings are those of a report that go to the store. The slices have the same length.
type openings struct {
	list   []record.Opening
	places []int    // among the report's openings
	again  []bool   // a CIM connection that was reported before
	names  []string // of the users
}

// admissible returns the openings whose sessions are proved. Those of CIM connections
// must also pass checkCIM. It answers the others with their errors.
func (n *Requests) admissible(ctx context.Context, q *proto.ReportRequest, answer *proto.ReportAnswer) openings {
	errs := make([]error, len(q.Opened))
	var g errgroup.Group
	g.SetLimit(accountsAtATime)
	for i, o := range q.Opened {
		s := o.GetSession()
		if errs[i] = n.cfg.Accounts.Session(s, q.Origin.Node); errs[i] != nil || s.Device != proto.CIMDevice {
			continue
		}
		g.Go(func() error {
			errs[i] = n.checkCIM(ctx, s)
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	var b openings
	for i, o := range q.Opened {
		if errs[i] != nil {
			answer.Opened[i] = n.openedAnswer(record.Opened{Err: errs[i]}, nil)
			continue
		}
		b.list = append(b.list, n.opening(o, q.Origin))
		b.places = append(b.places, i)
		b.again = append(b.again, o.GetAgain())
		b.names = append(b.names, o.GetSession().GetName())
	}
	return b
}

// checkCIM checks a connection that proves nothing. Its id and name must match an
// account. An account that does not exist is made with them, because a CIM route may
// have registered its user. Such a route keeps accounts in another form.
func (n *Requests) checkCIM(ctx context.Context, s *proto.Session) error {
	if check.Name(s.Name) != nil {
		return identity.ErrMismatch
	}
	_, err := n.cfg.Accounts.Named(ctx, s.User, s.Name)
	if !errors.Is(err, record.ErrNoUser) {
		return err
	}
	err = n.cfg.Store.Adopt(ctx, s.User, s.Name, n.lostSince(s.User))
	if errors.Is(err, record.ErrNameTaken) {
		return identity.ErrMismatch
	}
	return err
}

// clockError is how wrong the store's clock may have been, as in a virtual machine that
// was frozen. lostSince allows for it.
const clockError = 2 * time.Hour

// lostSince reports whether the store may have lost something after the user
// registered. A user's id is the time of the registration in ms, for CIM's users, too.
// If the store does not answer, no account is made either.
func (n *Requests) lostSince(user int64) bool {
	_ = n.cfg.Check.Fresh()
	lost, _ := n.cfg.Check.Lost()
	return lost > 0 && user < lost+clockError.Milliseconds()
}

// opening returns an opening in the form of the store. The route, not the node, decides
// which sessions a CIM connection displaces.
func (n *Requests) opening(o *proto.Opening, origin *proto.Origin) record.Opening {
	s := o.GetSession()
	displaces := o.GetDisplaces()
	if s.Device == proto.CIMDevice && s.Number == 0 {
		displaces = 0
		if n.cfg.CIMRepeat == proto.RepeatReplace || o.GetReplaces() {
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

// open opens sessions and kicks those that they displace and those that are too many.
func (n *Requests) open(ctx context.Context, b openings) []record.Opened {
	out := n.cfg.Pusher.Begin()
	defer out.Send()
	opened := n.cfg.Store.OpenSessions(ctx, b.list)
	n.openRestored(ctx, b, opened)
	n.openInPlaceOfGone(ctx, b, opened)
	n.countReceived(ctx, b, opened)
	for i, o := range opened {
		if o.Err == nil && o.Displaced != nil {
			out.Kick(b.list[i].User, *o.Displaced, n.displacedCode(b.list[i]))
		}
		for _, ended := range o.Ended {
			out.Kick(b.list[i].User, ended, proto.Crowded)
		}
		for _, c := range o.Finished {
			out.Announce(&c)
		}
	}
	return opened
}

// displacedCode returns the code with which a displaced connection is closed. It is
// Replaced, or SessionUnknown if the store lost data lately and the newer opening is a
// repeated report. After a loss, the newer connection may have the lower number, so a
// repeated report does not show which connection is newer. With SessionUnknown the client
// that is still there logs in again and displaces the other.
func (n *Requests) displacedCode(by record.Opening) proto.Code {
	if _, recently := n.cfg.Check.Lost(); recently && by.Within == 0 {
		return proto.SessionUnknown
	}
	return proto.Replaced
}

// openRestored handles openings that were refused because their account was lost. It
// restores the account, for which the ticket was made, and repeats the opening.
func (n *Requests) openRestored(ctx context.Context, b openings, opened []record.Opened) {
	var again []record.Opening
	var places []int
	for i, o := range opened {
		if o.Err == nil {
			continue
		}
		if opened[i].Err = n.cfg.Accounts.RestoreOwn(ctx, o.Err, b.list[i].User, b.names[i]); opened[i].Err == nil {
			again, places = append(again, b.list[i]), append(places, i)
		}
	}
	n.reopen(ctx, again, places, opened)
}

// openInPlaceOfGone repeats openings of CIM connections that were refused because their
// device counts as connected, if that connection is gone. It asks the nodes of these
// connections, all at once. A repeated opening may be refused because of a connection
// at its own node. That is the same connection, whose first answer was lost together
// with its number.
func (n *Requests) openInPlaceOfGone(ctx context.Context, b openings, opened []record.Opened) {
	var g errgroup.Group
	g.SetLimit(nodes.AtATime)
	gone := make([]bool, len(opened))
	for i, o := range opened {
		if b.list[i].Number != 0 || o.Displaced == nil || !errors.Is(o.Err, record.ErrDisplacesOther) {
			continue
		}
		if at := b.list[i].Session; b.again[i] && at.Node == o.Displaced.Node && at.Boot == o.Displaced.Boot {
			gone[i] = true
			continue
		}
		g.Go(func() error {
			gone[i] = !n.cfg.Nodes.Holds(ctx, b.list[i].User, *o.Displaced)
			return nil
		})
	}
	_ = g.Wait() // never an error
	var again []record.Opening
	var places []int
	for i := range opened {
		if gone[i] {
			o := b.list[i]
			o.Displaces = opened[i].Displaced.Number
			again, places = append(again, o), append(places, i)
		}
	}
	n.reopen(ctx, again, places, opened)
}

// reopen opens sessions again and puts the results at their places.
func (n *Requests) reopen(ctx context.Context, again []record.Opening, places []int, opened []record.Opened) {
	if len(again) == 0 {
		return
	}
	for i, o := range n.cfg.Store.OpenSessions(ctx, again) {
		opened[places[i]] = o
	}
}

func (n *Requests) openedAnswer(o record.Opened, groups []proto.Position) *proto.Opened {
	if o.Err == nil {
		return &proto.Opened{
			Number:  o.Number,
			Newest:  proto.Marks(append([]proto.Position{o.Newest}, groups...)),
			Cursors: proto.Marks(o.Cursors),
			Version: o.Version,
		}
	}
	e := n.cfg.Codes.Of(o.Err)
	if _, recently := n.cfg.Check.Lost(); errors.Is(o.Err, record.ErrSuperseded) && o.Displaced != nil && !recently {
		e = proto.Err(proto.Replaced, "") // not only closed: a newer connection is there
	}
	return &proto.Opened{Code: int32(e.Code), Number: o.Number, Message: e.Error()}
}
