package gossip

import (
	"encoding/binary"
	"time"
)

// Beside memberlist's own state, two nodes that meet for a push/pull tell each
// other what the metadata has no room for:
//
//	version 1 | ready 1 | boot 8 | uptime ms 8 | ring signature 8 | its age ms 8 | id
//
// integers big-endian. A reader takes longer ones of later versions and
// ignores what it cannot read.
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

// milliseconds reads a duration of at most a hundred years, so that it never
// overflows.
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

// MergeRemoteState takes the other's side.
func (d *delegate) MergeRemoteState(b []byte, join bool) {
	e, ok := decodeExchange(b)
	if !ok {
		return
	}
	if e.id == d.g.cfg.Self.ID {
		d.g.meetDouble(e)
		return
	}
	if !join { // two clusters that find each other differ, and soon do no more
		d.g.compareRings(e)
	}
}

// meetDouble settles who keeps the name.
func (g *Gossip) meetDouble(other exchange) {
	self := g.exchange()
	if other.boot == self.boot {
		return // ourselves, by an address that we do not know as ours
	}
	g.metrics.conflicts.Inc()
	if outranks(other, self) {
		g.stop(ErrNameTaken)
		return
	}
	g.log.Warn("a younger node has our id and should end", "up", other.uptime)
	g.settleDoubt()
}

// outranks reports whether of two nodes with one name the other keeps it: one
// that was ready when the other was not, else the older one. Each side sees the
// other's uptime as it was a moment ago, so a difference that small is settled
// by the boots, which both see alike. Never both give up; if neither does, the
// next exchange settles it.
func outranks(other, self exchange) bool {
	if other.ready != self.ready {
		return other.ready
	}
	if diff := other.uptime - self.uptime; diff.Abs() > 200*time.Millisecond {
		return diff > 0
	}
	return other.boot > self.boot
}

func (g *Gossip) settleDoubt() {
	g.mu.Lock()
	g.doubt = ""
	g.mu.Unlock()
	signal(g.dirty)
}

// noteRing notes the signature of the ring that the table has now.
func (g *Gossip) noteRing(sig uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ringAge.IsZero() || g.ringSig != sig {
		g.ringSig, g.ringAge = sig, time.Now()
	}
}

// compareRings tells of a disagreement that lasts: both rings have been as they
// are for 30 s, in which gossip reaches everybody many times over.
func (g *Gossip) compareRings(e exchange) {
	g.mu.Lock()
	differ := e.sig != g.ringSig && min(e.sigAge, time.Since(g.ringAge)) >= g.cfg.settled
	g.mu.Unlock()
	if differ {
		g.metrics.disagreements.Inc()
		g.log.Warn("ring differs from a peer's for long", "peer", e.id, "age", e.sigAge)
	}
}
