package gossip

import (
	"errors"
	"net/netip"

	"github.com/hashicorp/memberlist"
)

// delegate has the methods that memberlist calls. memberlist calls the alive, conflict
// and event methods under its node lock. These methods take g.mu, do not call
// memberlist and do not block.
type delegate struct{ g *Gossip }

var errForeign = errors.New("metadata is not a sealed member of this cluster")

// NodeMeta returns the sealed member. New has checked that it is not too large.
func (d *delegate) NodeMeta(int) []byte { return d.g.cfg.Keys.Seal(d.g.Self()) }

// NotifyMsg does nothing, because no node sends messages of its own.
func (d *delegate) NotifyMsg([]byte) {}

// GetBroadcasts returns nothing, because nodes broadcast metadata only.
func (d *delegate) GetBroadcasts(int, int) [][]byte { return nil }

// NotifyAlive refuses a node whose metadata is not sealed by one of our keys, or has
// another name. A message about our own name needs no check, because memberlist refutes
// a wrong message. If such a message has our address, its sender has confirmed that we
// live there.
func (d *delegate) NotifyAlive(n *memberlist.Node) error {
	if n.Name == d.g.cfg.Self.ID {
		d.g.confirm(nodeAddr(n).String())
		return nil
	}
	m, err := d.g.cfg.Keys.Open(n.Meta)
	if err == nil && m.ID == n.Name {
		return nil
	}
	d.g.refuse(n, err)
	return errForeign
}

// If addr is our gossip address, confirm records that another node has confirmed us
// there.
func (g *Gossip) confirm(addr string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.announcing || g.accepted || addr != g.self.Gossip {
		return
	}
	g.accepted, g.doubt = true, ""
	signal(g.dirty)
}

// refuse counts a node that was refused, and logs it once per name.
func (g *Gossip) refuse(n *memberlist.Node, err error) {
	g.metrics.refused.Inc()
	if g.firstTime(g.refused, n.Name) {
		g.log.Warn("member refused", "peer", n.Name, "addr", n.Address(), "err", err)
	}
}

// maxLogged bounds the maps of logged names, because names come from the network.
const maxLogged = 1000

func (g *Gossip) firstTime(logged map[string]bool, name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if logged[name] || len(logged) >= maxLogged {
		return false
	}
	logged[name] = true
	return true
}

// NotifyJoin adds a member, which is new or was dead before.
func (d *delegate) NotifyJoin(n *memberlist.Node) { d.g.learn(n, "member joined") }

// NotifyUpdate stores a member's new metadata.
func (d *delegate) NotifyUpdate(n *memberlist.Node) { d.g.learn(n, "") }

func (g *Gossip) learn(n *memberlist.Node, event string) {
	if n.Name == g.cfg.Self.ID {
		return
	}
	m, err := g.cfg.Keys.Open(n.Meta)
	if err != nil { // the keys were rotated since NotifyAlive
		g.refuse(n, err)
		return
	}
	g.mu.Lock()
	g.peers[n.Name] = peer{member: m, addr: nodeAddr(n)}
	g.mu.Unlock()
	if event != "" {
		g.log.Info(event, "peer", n.Name, "addr", n.Address())
	}
	signal(g.dirty)
}

// NotifyLeave removes a member that is dead or has left.
func (d *delegate) NotifyLeave(n *memberlist.Node) {
	g := d.g
	if n.Name == g.cfg.Self.ID {
		return
	}
	g.mu.Lock()
	delete(g.peers, n.Name)
	g.mu.Unlock()
	g.log.Info("member left", "peer", n.Name, "addr", n.Address())
	signal(g.dirty)
}

// NotifyConflict is called when two nodes with different addresses have the same name.
// memberlist keeps the first address.
func (d *delegate) NotifyConflict(existing, other *memberlist.Node) {
	g := d.g
	if existing.Name != g.cfg.Self.ID {
		g.metrics.conflicts.Inc()
		if g.firstTime(g.clashed, existing.Name) {
			g.log.Warn("two nodes with one id", "peer", existing.Name, "addr", existing.Address(), "other", other.Address())
		}
		return
	}
	g.mu.Lock()
	g.doubt, g.accepted = nodeAddr(other).String(), false
	g.mu.Unlock()
	signal(g.doubted)
}

func nodeAddr(n *memberlist.Node) netip.AddrPort {
	ip, _ := netip.AddrFromSlice(n.Addr)
	return netip.AddrPortFrom(ip.Unmap(), n.Port)
}

var (
	_ memberlist.Delegate         = (*delegate)(nil)
	_ memberlist.AliveDelegate    = (*delegate)(nil)
	_ memberlist.EventDelegate    = (*delegate)(nil)
	_ memberlist.ConflictDelegate = (*delegate)(nil)
)

// live returns the gossip addresses of all other living members.
func (g *Gossip) live() map[netip.AddrPort]bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	live := make(map[netip.AddrPort]bool, len(g.peers))
	for _, p := range g.peers {
		live[p.addr] = true
	}
	return live
}
