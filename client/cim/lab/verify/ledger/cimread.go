package ledger

import (
	"math"
	"slices"
	"strings"
)

// Three events prove that a CIM client has read its messages. An answered ping proves
// all that were shown two seconds before it. An orderly end of the connection proves
// all of them. The death of its node, while the client reads, proves all that were
// shown two seconds before it. The node reports the proof to the store. After that,
// none of these messages may be shown again.
const (
	pingProves = 2_000_000 // us
	killProves = 2_000_000
	// killTakes is how long after the death of a node its record may stand.
	killTakes = 1_000_000
	// opensBefore is how long before the first answer on a connection a route may open it.
	opensBefore = 1_000_000
	// startTakes is how long a node may take from its listening to its record of being ready.
	startTakes = 2_000_000
	// cutBefore is for how long before the end of a connection a fault of the client's own
	// may be what ended it.
	cutBefore = 30_000_000
	// reportHangs is how long a node's report may still wait after the end of a fault,
	// because a call that hangs takes 3 seconds. A node repeats a call that failed
	// within half a second.
	reportHangs = 5_000_000
	reportFails = 1_000_000
)

// cimVisit is a connection of a CIM client.
type cimVisit struct {
	node  string // empty: nobody knows
	span         // to the end: it lasts
	pings []span // from when a ping was sent to when it was answered
	ended int64  // us, in order; zero: it did not
}

// interrupt notes that a connection began or ended.
func (c *cimView) interrupt(r Record) {
	switch visit := c.visits[r.Process]; {
	case r.Kind == Back:
		c.visits[r.Process] = &cimVisit{node: r.Node, span: span{r.Time, math.MaxInt64}}
	case r.Kind == Away && visit != nil:
		visit.to = r.Time
	}
}

// proveCIM notes an event that shows that a CIM client has read something.
func (j *Judge) proveCIM(r Record) {
	reader := j.devices[device{r.User, r.Device}]
	if reader == nil || reader.cim == nil || reader.cim.visits[r.Process] == nil {
		return
	}
	visit := reader.cim.visits[r.Process]
	if r.Kind == Ended {
		visit.ended = r.Time
		return
	}
	visit.pings = append(visit.pings, span{r.Time - r.Lasted, r.Time})
}

// readByCIM returns until when what a CIM client was shown on each connection must be
// known to the store when the next one begins. It counts what could be judged.
func (v *Verdict) readByCIM(j *Judge, reader *reader) map[int]int64 {
	read := make(map[int]int64)
	for process, visit := range reader.cim.visits {
		next := reader.cim.next(process)
		if next == nil {
			continue
		}
		v.CIMReconnects++
		if at := j.readByPing(reader, visit); at > 0 {
			v.CIMByPings++
			read[process] = at
		}
		if at := j.readByKill(reader, visit, next); at > read[process] {
			v.CIMByKills++
			read[process] = at
		}
		if j.endTold(reader, visit, next) {
			v.CIMByEnds++
			read[process] = visit.ended
		}
	}
	return read
}

// next returns the connection that followed; nil: none did.
func (c *cimView) next(process int) (next *cimVisit) {
	first := math.MaxInt
	for p, visit := range c.visits {
		if p > process && p < first {
			first, next = p, visit
		}
	}
	return next
}

// readByPing returns until when the store must know that the client has read what it
// was shown, by a ping; zero if it need not. The ping was answered well before the
// connection ended, because reports of a closed connection do not count.
func (j *Judge) readByPing(reader *reader, visit *cimVisit) int64 {
	for _, ping := range slices.Backward(visit.pings) {
		at := j.before(ping.from, pingProves+timeSlack)
		told := j.counted(span{ping.to, visit.to}) >= timeSlack
		if at > 0 && told && !j.reportWaits(reader, visit.node, span{at, ping.to + timeSlack}) {
			return at
		}
	}
	return 0
}

// readByKill returns the time up to which shown messages must count as read because the
// node was killed. No fault may have kept the node from reporting them before, and none
// may keep a route from finding the node dead when the next connection begins. It
// returns zero if none must count.
func (j *Judge) readByKill(reader *reader, visit, next *cimVisit) int64 {
	i := slices.IndexFunc(j.hits, func(h hit) bool {
		return h.kills(visit.node) && visit.from < h.from-killTakes && visit.to >= h.from-killTakes
	})
	if i < 0 {
		return 0
	}
	kill := j.hits[i]
	at := j.before(min(kill.from, visit.to), killProves+timeSlack)
	opens := span{next.from - opensBefore, next.from + timeSlack}
	starts := kill.to > opens.from && kill.to-startTakes < opens.to // its successor takes connections, and perhaps does not answer yet
	switch {
	case at <= 0, starts, j.counted(opens) < opens.to-opens.from:
		return 0
	case j.hurts(span{at, kill.from}, func(h hit) bool { return h != kill && h.holdsReport(reader.device, visit.node) }),
		j.hurts(opens, func(h hit) bool { return h != kill && h.holdsReport(reader.device, "") }),
		j.hurts(span{visit.to - cutBefore, visit.to}, func(h hit) bool { return h.on == reader.device || h.fault == "mass-reconnect" }):
		return 0
	}
	return at
}

// kills reports whether the fault is the death of the node.
func (h hit) kills(node string) bool {
	return h.fault == "node-kill" && node != "" && strings.HasPrefix(h.note, node+" ")
}

// before returns the time that lies so much before another, without stalls.
func (j *Judge) before(end, time int64) int64 {
	at := end - time
	for short := int64(1); short > 0; at -= short {
		short = time - j.counted(span{at, end})
	}
	return at
}

// endTold reports whether the store must know that a connection ended in order.
func (j *Judge) endTold(reader *reader, visit, next *cimVisit) bool {
	return visit.ended > 0 && j.counted(span{visit.ended, next.from}) >= timeSlack &&
		!j.reportWaits(reader, visit.node, span{visit.ended, visit.ended + timeSlack})
}

// reportWaits reports whether something may keep a node from telling the store within a time
// what the client has read, or from knowing it.
func (j *Judge) reportWaits(reader *reader, node string, s span) bool {
	return j.hurts(s, func(h hit) bool { return h.holdsReport(reader.device, node) })
}

// hurts reports whether one of such faults may be felt by a report in the span.
func (j *Judge) hurts(s span, such func(hit) bool) bool {
	return slices.ContainsFunc(j.hits, func(h hit) bool {
		ends := h.to
		if ends < math.MaxInt64-reportHangs {
			ends += h.delaysReport()
		}
		return h.from < s.to && ends > s.from && such(h)
	})
}

// delaysReport returns how long after its end the fault may be felt by a report, in us: where
// connections break, calls fail at once.
func (h hit) delaysReport() int64 {
	if h.fault == "redis-cut" || h.fault == "route-kill" {
		return reportFails
	}
	return reportHangs
}

// holdsReport reports whether a fault may keep a node from telling the store what a client of its
// has read. A node that is asked to leave tells it first; clocks, gossip and ZooKeeper have
// no part in it, and of other clients only their number.
func (h hit) holdsReport(client device, node string) bool {
	switch h.fault {
	case "slow-reader": // its backlog is proven later, and not by a quick look
		return h.on == client
	case "node-drain", "clock-node", "clock-route", "gossip-cut", "zk-stop", "zk-expire", "repeat-proxy", "mass-reconnect":
		return false
	case "node-kill", "node-pause":
		return node == "" || strings.HasPrefix(h.note, node+" ")
	}
	return h.on == device{}
}

// forgetsBy reports whether the store lost anything before a time: cursors are on no
// replica for sure, whatever "accepted" means.
func (j *Judge) forgetsBy(at int64) bool { return j.forgot > 0 && j.forgot <= at }
