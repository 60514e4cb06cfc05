package routefn

import (
	"context"
	"net/http"
	"time"

	"github.com/cim-go/cim/proto"
)

// When a node is to ask again.
const (
	// askLatest is when nothing is due before. What becomes due before and was
	// scheduled after is told to some nodes: see wake. It is as long as what nobody
	// pushed may go unnoticed otherwise, too: nodes reconcile within 30 s.
	askLatest = 30 * time.Second
	// askAgain is when something is due that cannot be sent now: somebody else has the
	// shard, or it was left.
	askAgain = 900 * time.Millisecond
	// askSoonest is the least, so that what is due in close succession is sent together.
	askSoonest = 200 * time.Millisecond
)

// NodeFire serves POST /node/fire: it sends the delayed messages that are due, and
// answers when the node should ask again, and with what tickets verify now: it is
// the one thing that every node asks all the time. Nodes ask because a route has no
// goroutine of its own: it may be a function.
func (rt *Route) NodeFire(w http.ResponseWriter, r *http.Request) { serveNode(rt, w, r, nodeFire) }

// fireForNode goes on when the caller hangs up, so that no shard stays leased in
// the middle. A node that only asks for keys is answered with what the store has now.
func (rt *Route) fireForNode(ctx context.Context, q *proto.FireRequest) (*proto.FireAnswer, error) {
	now := rt.cfg.Now()
	rt.clocks.Saw(q.GetOrigin().GetNode(), q.GetTime(), now, now)
	if q.GetKeys() {
		if err := rt.keeper.look(); err != nil && rt.keeper.keyed {
			return nil, err
		}
		return rt.fireAnswer(0), nil
	}
	ctx = context.WithoutCancel(ctx)
	next, err := rt.looks.share(func() (time.Duration, error) { return rt.fire(ctx) })
	return rt.fireAnswer(next), err
}

func (rt *Route) fireAnswer(next time.Duration) *proto.FireAnswer {
	lost, _ := rt.keeper.watch.Lost()
	return &proto.FireAnswer{
		Next: next.Milliseconds(), Keys: rt.ticketKeys(), Unsettled: !rt.keeper.settled(), Lost: lost,
		Time: rt.cfg.Now().UnixMilli(), Route: rt.cfg.Name,
	}
}
