package drain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/proto"
)

const (
	// moveTime is how long a client has to follow a redirect before it gets another
	// one. The client may wait 5 s for the connection and 15 s for the login answer.
	moveTime = 20 * time.Second
	// refusedTime is the pause before another try for a client that got no ticket.
	refusedTime = time.Second
	// restTime is the pause before the hub is searched again when all clients have been
	// sent away.
	restTime = 500 * time.Millisecond
)

// step sends as many clients away as the rate allows. It reports whether a route
// answered. If step made no request, it returns the parameter answered. Clients that get
// no ticket stay. CIM connections stay while no route answers, because their clients need
// a route to come back.
func (d *Drainer[S]) step(ctx context.Context, now time.Time, answered bool) bool {
	most := d.allowed(now)
	if most == 0 || now.Before(d.rest) {
		return answered
	}
	sessions := d.pick(now, most)
	if len(sessions) == 0 {
		d.rest = now.Add(restTime)
		return answered
	}
	err := d.sendAway(ctx, sessions)
	if err == nil {
		d.waiting.Store(nil)
		d.retries.Reset()
		return true
	}
	d.wait(err)
	d.rest = d.retries.Next(err)
	return refused(err)
}

// allowed returns how many clients may be sent away now. The unused part of the budget is
// kept for the next call, up to what one step adds and one client more. So a tick that
// comes early wastes nothing.
func (d *Drainer[S]) allowed(now time.Time) int {
	rate := float64(d.config.Rate)
	d.budget += rate * max(0, now.Sub(d.refill).Seconds())
	d.budget = min(d.budget, 1+rate*stepEvery.Seconds(), proto.MaxMove)
	d.refill = now
	return int(d.budget)
}

// pick returns open sessions that are due to be sent away. most limits their number.
func (d *Drainer[S]) pick(now time.Time, most int) []S {
	var picked, peers []S
	for range hub.Shards {
		peers = d.config.Sessions.PeersIn(d.shard, peers[:0])
		for _, s := range peers {
			if len(picked) == most {
				return picked // the next step begins with the rest of this shard
			}
			if s.LeavesAt(now) {
				picked = append(picked, s)
			}
		}
		d.shard = (d.shard + 1) % hub.Shards
	}
	return picked
}

// sendAway gets tickets and sends the sessions away. After an error all of them are still
// here.
func (d *Drainer[S]) sendAway(ctx context.Context, sessions []S) error {
	request := new(proto.MoveRequest)
	var ours, cim []S
	for _, s := range sessions {
		item := s.MoveItem()
		if item == nil {
			cim = append(cim, s)
			continue
		}
		ours = append(ours, s)
		request.Items = append(request.Items, item)
	}
	answer, err := d.call(ctx, request)
	if err != nil {
		return err
	}
	d.budget -= float64(len(sessions))
	for i, s := range ours {
		d.redirect(s, request.Items[i].Session.User, answer.Items[i])
	}
	for _, s := range cim {
		d.closed.Inc()
		d.closedCount.Add(1)
		s.Depart(time.Now().Add(moveTime), nil)
		d.config.CIM.Leave(s)
	}
	return nil
}

func (d *Drainer[S]) call(ctx context.Context, request *proto.MoveRequest) (*proto.MoveAnswer, error) {
	answer, err := d.config.Route.Move(ctx, request)
	if err != nil {
		return nil, err
	}
	if len(answer.Items) != len(request.Items) {
		return nil, fmt.Errorf("route answered %d of %d moves", len(answer.Items), len(request.Items))
	}
	return answer, nil
}

// redirect sends one client to the node of its ticket. If the client got no ticket,
// another try follows after refusedTime. If the route does not know the session,
// reconciliation closes the session or opens it again before that try.
func (d *Drainer[S]) redirect(s S, user int64, m *proto.Moved) {
	if code := proto.Code(m.Code); code != proto.OK {
		s.Depart(time.Now().Add(refusedTime), nil)
		if code == proto.SessionUnknown {
			d.config.Reconciler.Hurry()
		}
		d.config.Logger.Debug("client cannot be moved", "user", user, "code", code.String())
		return
	}
	s.Depart(time.Now().Add(moveTime), m)
}

// wait records why no client can be moved, and logs that once.
func (d *Drainer[S]) wait(err error) {
	d.config.Failed.Inc()
	why := err.Error()
	if before := d.waiting.Swap(&why); before == nil {
		d.config.Logger.Warn("drain waits", "err", err)
	}
}

// refused reports whether the error is a route's answer that waiting does not change.
// There are three such answers: no other node serves, the cluster key is wrong, or the
// route is too old to move sessions. An unavailable store is not among them.
func refused(err error) bool {
	e, ok := errors.AsType[*proto.Error](err)
	return ok && (e.Code == proto.NoNode || e.Code.Retry() == proto.RetryNever)
}
