package node

import (
	"context"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/failure"
	"github.com/cim-go/cim/routefn/record"
)

// Report is POST /node/report. It records the events of a node's connections.
//
// Cursors go first, because a session whose number is closed moves no cursors any more.
// There is one exception. A closed CIM session moves its cursors if the node saw that the
// client had read everything when the connection ended. Openings and closings may come in
// any order, because a number goes from issued to open to closed and never back. So an
// opening that comes after its own closing is refused, in this report or in a later one. A
// closing affects only its own number.
//
// If Report returns an error, the node reports everything again, in smaller parts, and
// repeating is harmless. If one opening fails, or one group cannot be entered, the item of
// the answer has the error. The other items are done.
func (n *Requests) Report(ctx context.Context, q *proto.ReportRequest) (*proto.ReportAnswer, error) {
	if err := n.reportAcked(ctx, q); err != nil {
		return nil, err
	}
	if err := n.reportClosed(ctx, q); err != nil {
		return nil, err
	}
	answer, err := n.reportOpened(ctx, q)
	if err != nil {
		return nil, err
	}
	answer.Entered = n.reportEntered(ctx, q)
	return answer, nil
}

// reportAcked moves cursors, and sends delivery marks to the senders who requested them.
func (n *Requests) reportAcked(ctx context.Context, q *proto.ReportRequest) error {
	ackings := make([]record.Acking, 0, len(q.Acked))
	confirmed := make([]record.Shown, 0, len(q.Acked))
	for _, a := range q.Acked {
		s := a.GetSession()
		cursors, received, left := proto.Positions(a.GetCursors()), proto.Positions(a.GetReceived()), proto.Positions(a.GetLeft())
		if s.GetDevice() != proto.CIMDevice {
			received, left = nil, nil
		}
		if !n.proven(s, q.Origin) || check.Ack(s.GetNumber(), slices.Concat(cursors, received, left)) != nil {
			continue
		}
		ackings = append(ackings, record.Acking{
			User: s.User, Device: s.Device, Number: s.Number, Cursors: cursors, Ended: a.Ended && s.Device == proto.CIMDevice,
			Received: received, Left: left,
		})
		confirmed = append(confirmed, record.Shown{User: s.User, Keys: a.GetShown()})
	}
	if len(ackings) == 0 {
		return nil
	}
	if err := firstToRetry(n.cfg.Store.Ack(ctx, ackings)); err != nil {
		return err
	}
	n.cfg.Dispatch.Confirm(ctx, confirmed...)
	return nil
}

// reportClosed closes sessions.
func (n *Requests) reportClosed(ctx context.Context, q *proto.ReportRequest) error {
	closings := make([]record.Closing, 0, len(q.Closed))
	for _, c := range q.Closed {
		s := c.GetSession()
		if n.proven(s, q.Origin) && s.GetNumber() > 0 {
			closings = append(closings, record.Closing{User: s.User, Device: s.Device, Number: s.Number})
		}
	}
	if len(closings) == 0 {
		return nil
	}
	return firstToRetry(n.cfg.Store.CloseSessions(ctx, closings))
}

// proven reports whether the node in the parameter o may report on the session s. An item
// about a session that the node may not report on is skipped. It gets no answer, because a
// repetition would not help.
func (n *Requests) proven(s *proto.Session, o *proto.Origin) bool {
	err := n.cfg.Accounts.Reported(s, o.GetNode())
	if err != nil {
		n.cfg.Unproven.Inc()
		n.cfg.Log.Debug("node reports on a session that did not come to it", "node", o.GetNode(), "user", s.GetUser(), "err", err)
	}
	return err == nil
}

// firstToRetry returns the first error that does not keep a repeated request from success.
func firstToRetry(errs []error) error {
	for _, err := range errs {
		if failure.MayRetry(err) {
			return err
		}
	}
	return nil
}
