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

// accountsAtATime bounds how many accounts one report looks up at a time.
const accountsAtATime = 16

// reportOpened makes the admissible sessions live. First it enters the node into the
// group of everyone, and in the same step reads the newest number of the group's log. So
// each message to everyone is either counted in that number or pushed to this node. The
// groups of a user are either listed in the answer, for a node that then enters them
// itself (reportEntered), or entered here.
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
		b.list[i].Start = everyone.Newest // the place at which a device without a cursor begins in everyone's log
	}
	opened := n.open(ctx, b)
	groups := make([][]proto.Position, len(opened))
	if !q.Apart {
		groups = n.enterAll(ctx, lease, b.list, opened)
	}
	for i, o := range opened {
		a := n.openedAnswer(o, append(newest[:1:1], groups[i]...))
		if o.Err == nil {
			a.Proof = n.cfg.Accounts.Renew(q.Opened[b.places[i]].GetSession(), q.Origin.Node)
		}
		if q.Apart && o.Err == nil && b.list[i].Device != proto.CIMDevice {
			a.Groups = o.Groups
		}
		answer.Opened[b.places[i]] = a
	}
	return answer, nil
}

// openings has those openings of a report that go to the store. The slices have the same
// length.
type openings struct {
	list   []record.Opening
	places []int    // the index of each opening in the report
	again  []bool   // for each opening: it is a CIM connection that was reported before
	names  []string // of the users
}

// admissible returns the openings whose sessions are proved. CIM connections must also
// pass checkCIM. The other openings get their errors in the parameter answer.
func (n *Requests) admissible(ctx context.Context, q *proto.ReportRequest, answer *proto.ReportAnswer) openings {
	errs := make([]error, len(q.Opened))
	var g errgroup.Group
	g.SetLimit(accountsAtATime)
	for i, o := range q.Opened {
		s := o.GetSession()
		if errs[i] = n.cfg.Accounts.Reported(s, q.Origin.Node); errs[i] != nil || s.Device != proto.CIMDevice {
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

// checkCIM checks a CIM connection, which has no ticket. Its id and name must belong to
// one account. If there is no such account, checkCIM makes it, because one of CIM's own
// routes may have registered the user. CIM's routes keep accounts in another form.
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

// clockError is the largest error of the store's clock for which lostSince gives a right
// result. For example, a virtual machine that was frozen may have such an error.
const clockError = 2 * time.Hour

// lostSince reports whether the store may have lost something after the user registered.
// An id below proto.RandomUser is the time of the registration. Other ids do not contain
// that time. So after a loss, the users with such ids count as registered before the loss.
// If the store does not answer, the result does not matter, because then no account can be
// made.
func (n *Requests) lostSince(user int64) bool {
	_ = n.cfg.Check.Fresh()
	lost, _ := n.cfg.Check.Lost()
	return lost > 0 && (user < lost+clockError.Milliseconds() || user >= proto.RandomUser)
}

// opening returns the opening in the parameter o in the store's form. The route, and not
// the node, decides which sessions a CIM connection displaces.
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

// The method open opens sessions. It kicks the sessions that the new ones displace, and
// the sessions of devices beyond the bound.
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

// displacedCode returns the code with which a connection is closed after another opening
// has displaced it. Usually it is Replaced. It is SessionUnknown if the store lost data
// lately and the other opening is a repeated report. The two connections are then reported
// again, in any order, so nobody knows which of them still has a client. With
// SessionUnknown, the client that still exists logs in again and displaces the other
// connection.
func (n *Requests) displacedCode(by record.Opening) proto.Code {
	if _, recently := n.cfg.Check.Lost(); recently && by.Within == 0 {
		return proto.SessionUnknown
	}
	return proto.Replaced
}

// openRestored is for openings that were refused because their account was lost. It
// restores the account and repeats the openings.
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

// openInPlaceOfGone is for openings of CIM connections that were refused because their
// device counts as connected. It asks the nodes of the earlier connections, all at the
// same time. If an earlier connection is gone, openInPlaceOfGone repeats the opening,
// so that the new connection replaces the earlier one. If the earlier connection is at
// the same node, and the opening was reported before, then both are the same
// connection. The answer to the first report was lost, and with it the session's
// number.
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

// reopen opens the sessions of some openings (the parameter again) once more. It puts the
// result for again[i] into opened[places[i]].
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
		e = proto.Err(proto.Replaced, "") // the device has a newer connection
	}
	return &proto.Opened{Code: int32(e.Code), Number: o.Number, Message: e.Error()}
}
