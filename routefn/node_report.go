package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// NodeReport serves POST /node/report: what happened to a node's connections.
//
// Cursors go first, because a closed number moves none any more. The rest needs
// no order: a number goes from issued to open to closed and never back, so that
// an opening that comes after its own closing, in this batch or in a late one, is
// refused, and a closing touches no other number than its own.
//
// An error is an error of the whole batch, and the node reports it again, in smaller
// parts: all of it may be repeated. What is wrong with one opening, or with one group
// of those that are asked for, is said in its answer, and the others are done.
func (rt *Route) NodeReport(w http.ResponseWriter, r *http.Request) { serveNode(rt, w, r, nodeReport) }

func (rt *Route) report(ctx context.Context, q *proto.ReportRequest) (*proto.ReportAnswer, error) {
	if err := rt.reportAcked(ctx, q); err != nil {
		return nil, err
	}
	if err := rt.reportClosed(ctx, q); err != nil {
		return nil, err
	}
	answer, err := rt.reportOpened(ctx, q)
	if err != nil {
		return nil, err
	}
	answer.Entered = rt.reportEntering(ctx, q)
	return answer, nil
}

// reportAcked moves cursors, and tells the senders who want to know.
func (rt *Route) reportAcked(ctx context.Context, q *proto.ReportRequest) error {
	ackings := make([]record.Acking, 0, len(q.Acked))
	confirmed := make([]shown, 0, len(q.Acked))
	for _, a := range q.Acked {
		cursors := proto.Positions(a.GetCursors())
		if !rt.proven(a.GetSession(), q.Origin) || checkAck(a.GetSession().GetNumber(), cursors) != nil {
			continue
		}
		s := a.GetSession()
		ackings = append(ackings, record.Acking{User: s.User, Device: s.Device, Number: s.Number, Cursors: cursors})
		confirmed = append(confirmed, shown{user: s.User, keys: a.GetShown()})
	}
	if len(ackings) == 0 {
		return nil
	}
	if err := firstToRetry(rt.cfg.Store.Ack(ctx, ackings)); err != nil {
		return err
	}
	rt.confirm(ctx, confirmed...)
	return nil
}

func (rt *Route) reportClosed(ctx context.Context, q *proto.ReportRequest) error {
	closings := make([]record.Closing, 0, len(q.Closed))
	for _, c := range q.Closed {
		s := c.GetSession()
		if rt.proven(s, q.Origin) && s.GetNumber() > 0 {
			closings = append(closings, record.Closing{User: s.User, Device: s.Device, Number: s.Number})
		}
	}
	if len(closings) == 0 {
		return nil
	}
	return firstToRetry(rt.cfg.Store.CloseSessions(ctx, closings))
}

// proven reports whether a node may speak for a session. If not, what it said is
// passed over: there is nobody to answer, and saying it again would not help.
func (rt *Route) proven(s *proto.Session, o *proto.Origin) bool {
	err := rt.checkSession(s, o.GetNode())
	if err != nil {
		rt.metrics.unproven.Inc()
		rt.cfg.Logger.Debug("node speaks for a session that did not come to it", "node", o.GetNode(), "user", s.GetUser(), "err", err)
	}
	return err == nil
}

// firstToRetry returns the first error after which the same request may succeed.
func firstToRetry(errs []error) error {
	for _, err := range errs {
		if mayRetry(err) {
			return err
		}
	}
	return nil
}
