package routefn

import (
	"context"
	"net/http"
	"time"

	"github.com/cim-go/cim/proto"
)

const (
	// askEvery is how soon a node asks again if nothing is due earlier. With what the
	// node adds, so that a thousand do not ask at once, it stays within a second.
	askEvery = 900 * time.Millisecond
	// askSoonest is the least time between two looks of one route. What is asked in
	// between is answered from memory: a thousand nodes cost the store no more than one.
	askSoonest = 200 * time.Millisecond
)

// NodeFire serves POST /node/fire: it sends the delayed messages that are due, and
// answers when the node should ask again. Nodes ask because a route has no
// goroutine of its own: it may be a function.
func (rt *Route) NodeFire(w http.ResponseWriter, r *http.Request) { serveNode(rt, w, r, nodeFire) }

func (rt *Route) fireForNode(ctx context.Context, _ *proto.FireRequest) (*proto.FireAnswer, error) {
	next, err := rt.fire(ctx)
	return &proto.FireAnswer{Next: next.Milliseconds()}, err
}
