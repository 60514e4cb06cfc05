package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

const (
	// moveTime is how long a client has to go where it was sent, before it is sent
	// elsewhere: it may wait 5 s for the connection and 15 s for the login answer.
	moveTime = 20 * time.Second
	// restTime is how soon the hub is searched again when all who are here have
	// been sent away.
	restTime = 500 * time.Millisecond
)

// departure is how far a session has come on its way to another node.
type departure struct {
	again time.Time // it is to be sent away then
	tried []string  // ids of nodes it was sent to
}

// wave sends as many clients away as the rate allows. It reports whether a route
// answered; if it need not ask, what answered says. Nobody is sent away without a
// ticket, and CIM connections are not closed while no route answers: they need
// one to come back.
func (d *drainer) wave(ctx context.Context, now time.Time, answered bool) bool {
	most := d.allowed(now)
	if most == 0 || now.Before(d.rest) {
		return answered
	}
	sessions := d.pick(now, most)
	if len(sessions) == 0 {
		d.rest = now.Add(restTime)
		return answered
	}
	err := d.send(ctx, sessions)
	if err == nil {
		d.waiting.Store(nil)
		d.retries.reset()
		return true
	}
	d.wait(err)
	d.rest = d.retries.next(err)
	return refused(err)
}

// allowed returns how many clients may go now. What was not used is kept for one
// wave only, and one client, so that a tick that comes early costs nothing.
func (d *drainer) allowed(now time.Time) int {
	rate := float64(d.node.config.DrainRate)
	d.budget += rate * max(0, now.Sub(d.refill).Seconds())
	d.budget = min(d.budget, 1+rate*waveEvery.Seconds(), proto.MaxMove)
	d.refill = now
	return int(d.budget)
}

// pick returns open sessions that are to be sent away now.
func (d *drainer) pick(now time.Time, most int) []*session {
	var picked, peers []*session
	for range hub.Shards {
		peers = d.node.hub.PeersIn(d.shard, peers[:0])
		for _, s := range peers {
			if len(picked) == most {
				return picked // the rest of this shard comes next
			}
			if s.leavesAt(now) {
				picked = append(picked, s)
			}
		}
		d.shard = (d.shard + 1) % hub.Shards
	}
	return picked
}

func (s *session) leavesAt(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase == open && (s.departure == nil || !now.Before(s.departure.again))
}

// send asks for tickets and sends the sessions away. An error means that none of
// them was.
func (d *drainer) send(ctx context.Context, sessions []*session) error {
	request := &proto.MoveRequest{Origin: d.node.origin}
	var ours, cim []*session
	for _, s := range sessions {
		if s.feed != nil {
			cim = append(cim, s)
			continue
		}
		ours = append(ours, s)
		request.Items = append(request.Items, s.moveItem())
	}
	answer, err := d.call(ctx, request)
	if err != nil {
		return err
	}
	d.budget -= float64(len(sessions))
	for i, s := range ours {
		d.redirect(s, answer.Items[i])
	}
	for _, s := range cim {
		d.closed.Inc()
		d.closedCount.Add(1)
		s.link.Close(proto.GoingAway, "")
	}
	return nil
}

func (d *drainer) call(ctx context.Context, request *proto.MoveRequest) (*proto.MoveAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, d.node.config.CallTimeout)
	defer cancel()
	answer, err := d.node.config.Route.Move(ctx, request)
	if err != nil {
		return nil, err
	}
	if len(answer.Items) != len(request.Items) {
		return nil, fmt.Errorf("route answered %d of %d moves", len(answer.Items), len(request.Items))
	}
	return answer, nil
}

func (s *session) moveItem() *proto.MoveItem {
	current := s.current()
	s.mu.Lock()
	defer s.mu.Unlock()
	item := &proto.MoveItem{Session: current}
	if s.departure != nil {
		item.Avoid = s.departure.tried
	}
	return item
}

// redirect sends one client to where its ticket is for. One that got none has
// another chance in a second; if a route does not know it, reconciliation closes
// it, or opens it again, by then.
func (d *drainer) redirect(s *session, m *proto.Moved) {
	if code := proto.Code(m.Code); code != proto.OK {
		s.depart(time.Now().Add(time.Second), "")
		if code == proto.SessionUnknown {
			d.node.reconciler.hurry()
		}
		d.node.log.Debug("client cannot be moved", "user", s.entry.User(), "code", code.String())
		return
	}
	s.depart(time.Now().Add(moveTime), m.Node)
	s.link.Send(link.NewPacket(&proto.Frame{
		Cmd: proto.Command_REDIRECT, Ticket: m.Ticket, Node: m.Node, NodeAddress: m.Address, Tls: m.Tls,
	}))
}

// depart notes where the session was sent, if anywhere, and until when it is
// waited for.
func (s *session) depart(again time.Time, node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.departure == nil {
		s.departure = new(departure)
	}
	s.departure.again = again
	if node != "" {
		s.departure.tried = append(s.departure.tried, node)
	}
}

// left counts a session that has closed. Its client left because it has another
// connection, which the route or the client itself says.
func (d *drainer) left(way *departure, code proto.Code) {
	if way != nil && len(way.tried) > 0 && (code == proto.OK || code == proto.Replaced) {
		d.moved.Inc()
		d.movedCount.Add(1)
	}
}

// wait notes, and tells once, why there are no waves.
func (d *drainer) wait(err error) {
	d.node.metrics.calls.WithLabelValues("move").Inc()
	why := err.Error()
	if before := d.waiting.Swap(&why); before == nil {
		d.node.log.Warn("drain waits", "err", err)
	}
}

// refused reports whether the error is a route's answer that waiting does not
// change, unlike that of a route whose store is away: no other node serves, the
// cluster key is another one, or the route is too old to know of moves.
func refused(err error) bool {
	e, ok := errors.AsType[*proto.Error](err)
	return ok && (e.Code == proto.NoNode || e.Code.Retry() == proto.RetryNever)
}
