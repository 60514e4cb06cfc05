package gossip

import (
	"errors"
	"net/netip"

	"github.com/hashicorp/memberlist"
)

// delegate is what memberlist calls. Alive, conflict and event methods are
// called under memberlist's node lock: they take g.mu, call nothing of
// memberlist and never wait.
type delegate struct{ g *Gossip }

var errForeign = errors.New("metadata is no sealed member of this cluster")

// NodeMeta returns the sealed member; New has checked that it fits.
func (d *delegate) NodeMeta(int) []byte { return d.g.cfg.Keys.Seal(d.g.Self()) }

// NotifyMsg has nothing to do: we send no messages of our own.
func (d *delegate) NotifyMsg([]byte) {}

// GetBroadcasts returns nothing: all we tell is metadata.
func (d *delegate) GetBroadcasts(int, int) [][]byte { return nil }

// NotifyAlive refuses a node whose metadata is not sealed by a key of ours or
// bears another name. About our own name there is nothing to check, because
// memberlist refutes what is not true; but whoever tells that we live at our
// address has accepted us.
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

// confirm takes note of a node that holds us to be at addr.
func (g *Gossip) confirm(addr string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.telling || g.accepted || addr != g.self.Gossip {
		return
	}
	g.accepted, g.doubt = true, ""
	signal(g.dirty)
}

// refuse counts a node that is not believed and logs it once a name.
func (g *Gossip) refuse(n *memberlist.Node, err error) {
	g.metrics.refused.Inc()
	if g.firstTime(g.refused, n.Name) {
		g.log.Warn("member refused", "peer", n.Name, "addr", n.Address(), "err", err)
	}
}

// maxLogged bounds what is remembered to log a thing once: names come from
// the network.
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

// NotifyJoin takes a member in, be it new, or back from the dead.
func (d *delegate) NotifyJoin(n *memberlist.Node) { d.g.learn(n, "member joined") }

// NotifyUpdate takes over what a member says anew.
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

// NotifyLeave forgets a member that is dead or said goodbye.
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

// NotifyConflict is told of a second address for a name. memberlist has already
// kept the first.
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

// live returns the gossip addresses of all others that live.
func (g *Gossip) live() map[netip.AddrPort]bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	live := make(map[netip.AddrPort]bool, len(g.peers))
	for _, p := range g.peers {
		live[p.addr] = true
	}
	return live
}
