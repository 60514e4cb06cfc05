package gossip

import (
	"context"
	"time"

	"github.com/cim-go/cim/ring"
)

// SetLoad sets this node's load in eighths of its capacity, rounded down;
// negative is 0. Our own table has it at once, the others when it is a new
// number and loadInterval has passed since the last.
func (g *Gossip) SetLoad(eighths int) {
	eighths = min(max(eighths, 0), ring.MaxLoad)
	g.mu.Lock()
	same := g.self.Load == eighths
	g.self.Load = eighths
	g.mu.Unlock()
	if !same {
		signal(g.dirty)
		signal(g.loaded)
	}
}

// SetState sets this node's state and tells it at once. It does not block.
func (g *Gossip) SetState(s ring.State) {
	g.mu.Lock()
	same := g.self.State == s
	g.self.State = s
	g.mu.Unlock()
	if same {
		return
	}
	signal(g.dirty)
	select {
	case <-g.listening:
		g.tell()
	default: // the first thing that Run tells has it
	}
}

// tell gossips this node as it is now. Run has started memberlist.
func (g *Gossip) tell() {
	g.tellMu.Lock()
	defer g.tellMu.Unlock()
	g.mu.Lock()
	g.toldLoad = time.Now()
	g.mu.Unlock()
	g.setTelling(true)
	// UpdateNode queues the news, and then waits until they are out: not here.
	_ = g.list.UpdateNode(time.Nanosecond)
	g.setTelling(false)
}

// setTelling says whether NotifyAlive may hear of us from ourselves.
func (g *Gossip) setTelling(telling bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.telling = telling
}

// publishLoop writes changes into the table and tells the load, each as soon
// as it may.
func (g *Gossip) publishLoop(ctx context.Context) {
	var due <-chan time.Time // set while the load waits to be told
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.dirty:
			g.publish()
		case <-g.loaded:
			if due == nil {
				due = time.After(g.loadWait())
			}
		case <-due:
			due = nil
			g.tell()
		}
	}
}

// loadWait returns how long the load must wait until it is told.
func (g *Gossip) loadWait() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cfg.loadEvery(len(g.peers)+1) - time.Since(g.toldLoad)
}

// publish writes all known members into the table. It is called by one
// goroutine at a time: by Run before it starts others, then by publishLoop.
func (g *Gossip) publish() {
	g.mu.Lock()
	members := make([]ring.Member, 0, len(g.peers)+1)
	members = append(members, g.self)
	for _, p := range g.peers {
		members = append(members, p.member)
	}
	became := !g.ready
	g.ready, _ = g.readyLocked()
	became = became && g.ready
	g.mu.Unlock()

	g.cfg.Table.Set(members)
	g.metrics.members.Set(float64(len(members)))
	if became {
		g.log.Info("gossip ready", "members", len(members))
	}
	g.noteRing(g.cfg.Table.Current().Ring().Signature())
}

// signal wakes the receiver of a channel of capacity 1.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it has not seen the last one yet
	}
}
