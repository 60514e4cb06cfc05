package routefn

import (
	"context"
	"math/rand/v2"
	"sync/atomic"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/skew"
	"github.com/cim-go/cim/proto/stream"
	"github.com/cim-go/cim/routefn/admission"
	"github.com/cim-go/cim/routefn/record"
)

// Route has the handlers of all use cases. Make it with New; it is safe for
// concurrent use.
type Route struct {
	cfg Config // as New completed it; read only

	metrics   *metrics
	passwords *passwords
	tokens    serviceTokens
	nodes     *nodes
	push      *pusher
	streams   *stream.Server
	looks     looks
	work      worker // owned by the look that is under way
	outage    outage
	keeper    *keeper
	clocks    *skew.Clocks // of the store and of nodes

	admission *admission.Limiter

	served atomic.Bool // a node that serves was seen: see firstServing

	turn atomic.Uint64 // counts logins, from a random start: see ring.Pick
}

// New checks the configuration and returns a Route. It asks nobody anything and
// starts nothing.
func New(c Config) (*Route, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	limiter := admission.New(admission.Config{Most: c.MaxInFlight, Target: c.StoreTarget})
	m, err := newMetrics(c.Registerer, limiter)
	if err != nil {
		return nil, err
	}
	rt := &Route{cfg: c, metrics: m, passwords: newPasswords(c.Busy), admission: limiter}
	if rt.clocks, err = skew.New(c.Registerer, c.Logger); err != nil {
		return nil, err
	}
	rt.keeper = newKeeper(c, rt.clocks, rt.tellLoss)
	rt.work = worker{store: c.Store, log: c.Logger, metrics: m}
	rt.tokens.set(c.ServiceToken, c.OtherTokens...)
	rt.nodes = newNodes(c, &rt.tokens)
	rt.push = newPusher(c, m, rt.nodes.push, rt.closeGone, rt.nodes.isNear)
	rt.streams = stream.NewServer(stream.ServerConfig{Handle: rt.handleStreamed, MaxBody: maxNodeBody})
	rt.turn.Store(rand.Uint64())
	return rt, nil
}

// Flush blocks until every push that was queued before the call was answered or
// dropped, or until ctx is done, whose error it returns. A function calls it
// before it answers, because it is frozen afterwards.
func (rt *Route) Flush(ctx context.Context) error { return rt.push.flush(ctx) }

// Close takes leave of the streams of nodes, takes no more pushes and blocks until
// those that were queued are done, which one paused node delays by 300 ms at most.
// The store stays open: it is its owner's. Close twice is fine.
func (rt *Route) Close() {
	rt.streams.Close()
	rt.push.close()
	rt.nodes.close()
}

// Near makes what is for the node at address function calls. It is called before
// the route serves, for a node in the same process.
func (rt *Route) Near(address string, push func(*proto.PushRequest) *proto.PushAnswer) {
	rt.nodes.nearAt, rt.nodes.near = address, push
}

// closeGone closes the numbers that a node said it does not hold.
func (rt *Route) closeGone(ctx context.Context, gone []record.Closing) {
	for i, err := range rt.cfg.Store.CloseSessions(ctx, gone) {
		if err != nil { // the next push finds it again
			rt.cfg.Logger.Debug("session that is gone stays open", "user", gone[i].User, "err", err)
		}
	}
}
