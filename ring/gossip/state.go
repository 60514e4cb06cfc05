package gossip

import (
	"encoding/binary"
	"time"
)

// In a push/pull, two nodes send each other an exchange beside memberlist's own state.
// The exchange has the data for which the metadata has no room, with big-endian
// integers:
//
//	version 1 | ready 1 | boot 8 | uptime ms 8 | ring signature 8 | its age ms 8 | id
//
// A reader ignores an exchange that it cannot read.
type exchange struct {
	ready  bool
	boot   uint64
	uptime time.Duration
	sig    uint64
	sigAge time.Duration
	id     string
}

const exchangeVersion, exchangeFixed = 1, 34

func (e exchange) encode() []byte {
	b := make([]byte, 0, exchangeFixed+len(e.id))
	b = append(b, exchangeVersion, 0)
	if e.ready {
		b[1] = 1
	}
	b = binary.BigEndian.AppendUint64(b, e.boot)
	b = binary.BigEndian.AppendUint64(b, uint64(e.uptime.Milliseconds()))
	b = binary.BigEndian.AppendUint64(b, e.sig)
	b = binary.BigEndian.AppendUint64(b, uint64(e.sigAge.Milliseconds()))
	return append(b, e.id...)
}

func decodeExchange(b []byte) (e exchange, ok bool) {
	if len(b) < exchangeFixed || b[0] != exchangeVersion {
		return exchange{}, false
	}
	return exchange{
		ready:  b[1] == 1,
		boot:   binary.BigEndian.Uint64(b[2:]),
		uptime: milliseconds(b[10:]),
		sig:    binary.BigEndian.Uint64(b[18:]),
		sigAge: milliseconds(b[26:]),
		id:     string(b[exchangeFixed:]),
	}, true
}

// milliseconds reads a duration and cuts it to a hundred years, so that it does not
// overflow.
func milliseconds(b []byte) time.Duration {
	const most = 100 * 365 * 24 * time.Hour
	return time.Duration(min(binary.BigEndian.Uint64(b), uint64(most.Milliseconds()))) * time.Millisecond
}

// LocalState returns our side of the exchange.
func (d *delegate) LocalState(bool) []byte { return d.g.exchange().encode() }

func (g *Gossip) exchange() exchange {
	g.mu.Lock()
	defer g.mu.Unlock()
	return exchange{
		ready:  g.ready,
		boot:   g.self.Boot,
		uptime: time.Since(g.started),
		sig:    g.ringSig,
		sigAge: time.Since(g.ringAge),
		id:     g.self.ID,
	}
}

// MergeRemoteState handles the peer's side of the exchange.
func (d *delegate) MergeRemoteState(b []byte, join bool) {
	e, ok := decodeExchange(b)
	if !ok {
		return
	}
	if e.id == d.g.cfg.Self.ID {
		d.g.resolveName(e)
		return
	}
	if !join { // while two clusters join each other, their rings differ for a moment
		d.g.compareRings(e)
	}
}

// resolveName decides which of two nodes with our name keeps the name. If the other node
// keeps it, resolveName ends Run with ErrNameTaken.
func (g *Gossip) resolveName(other exchange) {
	self := g.exchange()
	if other.boot == self.boot {
		return // this node itself, at an address that is not in g.own
	}
	g.metrics.conflicts.Inc()
	if outranks(other, self) {
		g.stop(ErrNameTaken)
		return
	}
	g.log.Warn("a younger node has our id and should end", "up", other.uptime)
	g.clearDoubt()
}

// If two nodes have one name, outranks reports whether the node other keeps it. A ready
// node outranks one that is not. If both or neither are ready, the older node keeps the
// name. Each side has a slightly outdated uptime of the other. So if the uptimes are
// close, the boots decide. At most one of the two gives up the name. If neither does,
// the next exchange decides again.
func outranks(other, self exchange) bool {
	if other.ready != self.ready {
		return other.ready
	}
	if diff := other.uptime - self.uptime; diff.Abs() > 200*time.Millisecond {
		return diff > 0
	}
	return other.boot > self.boot
}

func (g *Gossip) clearDoubt() {
	g.mu.Lock()
	g.doubt = ""
	g.mu.Unlock()
	signal(g.dirty)
}

// noteRing stores the signature of the table's current ring, and when it changed.
func (g *Gossip) noteRing(sig uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ringAge.IsZero() || g.ringSig != sig {
		g.ringSig, g.ringAge = sig, time.Now()
	}
}

// compareRings logs and counts a lasting difference between this node's ring and the
// peer's. Both must have been unchanged for 30 s. In that time gossip reaches all members
// many times.
func (g *Gossip) compareRings(e exchange) {
	g.mu.Lock()
	differ := e.sig != g.ringSig && min(e.sigAge, time.Since(g.ringAge)) >= g.cfg.settled
	g.mu.Unlock()
	if differ {
		g.metrics.disagreements.Inc()
		g.log.Warn("ring has differed from a peer's for long", "peer", e.id, "age", e.sigAge)
	}
}
