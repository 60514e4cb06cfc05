package gossip

import (
	"context"
	"time"

	"github.com/cim-go/cim/ring"
)

// SetLoad sets this node's load in eighths of its capacity, rounded down. A negative
// load is 0. This node's table gets the load at once. The other nodes get a changed
// load, at most one per ring.LoadInterval. SetLoad does not block.
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

// SetState sets this node's state and announces it at once. It does not block.
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
		g.announce()
	default: // Run's first announcement will have the state
	}
}

// announce broadcasts this node's current member. Run must have started memberlist.
func (g *Gossip) announce() {
	g.announceMu.Lock()
	defer g.announceMu.Unlock()
	g.mu.Lock()
	g.announced = time.Now()
	g.mu.Unlock()
	g.setAnnouncing(true)
	// UpdateNode queues the broadcast, and then waits until it is sent. The short
	// time-out makes it return at once.
	_ = g.list.UpdateNode(time.Nanosecond)
	g.setAnnouncing(false)
}

// setAnnouncing records that our own announcement begins or ends. Until it ends, a
// NotifyAlive about this node may come from the announcement itself, so such a call
// does not confirm this node.
func (g *Gossip) setAnnouncing(announcing bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.announcing = announcing
}

// publishLoop writes changes into the table at once, and announces the load when the
// interval between loads has passed. It returns when ctx ends.
func (g *Gossip) publishLoop(ctx context.Context) {
	var due <-chan time.Time   // not nil while a changed load waits to be announced
	var again <-chan time.Time // comes when the member must be signed again
	if g.cfg.Sign != nil {
		signing := time.NewTicker(g.cfg.SignEvery)
		defer signing.Stop()
		again = signing.C
	}
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
			g.announce()
		case <-again:
			g.mu.Lock()
			g.signLocked()
			g.mu.Unlock()
			g.publish()
			g.announce()
		}
	}
}

// If Config.Sign is set, signLocked signs this node's member. The caller holds mu.
func (g *Gossip) signLocked() {
	if g.cfg.Sign != nil {
		g.self.Signed = g.cfg.Sign(g.self)
	}
}

// loadWait returns how long to wait before the load may be announced.
func (g *Gossip) loadWait() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cfg.loadEvery(len(g.peers)+1) - time.Since(g.announced)
}

// publish writes all known members into the table. Only one goroutine at a time calls
// publish: Run's goroutine before Run starts others, and publishLoop's after that.
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
	default: // the previous signal was not received yet
	}
}
