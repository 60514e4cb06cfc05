package ledger

import (
	"math"
	"slices"
	"strings"
)

// Three events prove that a CIM client has read its messages. An answered ping proves it
// for the messages that were shown at least two seconds before the ping. An orderly end of
// the connection proves it for all messages. The third event is the death of the client's
// node while the client reads. Messages that were shown at least two seconds before the
// death count as read. The node reports the proof to the store. After the report, none of
// these messages may be shown again.
const (
	pingProves = 2_000_000 // us
	killProves = 2_000_000
	// killTakes is how long after the death of a node the ledger may record it.
	killTakes = 1_000_000
	// A route may have opened a connection up to opensBefore before the first answer came
	// on it.
	opensBefore = 1_000_000
	// startTakes is the longest time from when a node listens until the ledger records the
	// node as ready.
	startTakes = 2_000_000
	// cutBefore is the longest time between a fault of the client itself and the end of a
	// connection that the fault may have caused.
	cutBefore = 30_000_000
	// reportHangs is how long a node's report may still wait after the end of a fault. A
	// call that hangs takes 3 seconds. The node repeats a failed call within half a
	// second.
	reportHangs = 5_000_000
	reportFails = 1_000_000
)

// cimVisit is a connection of a CIM client.
type cimVisit struct {
	node  string // empty: not known
	span         // from when it began; to has a fixed large value while it lasts
	pings []span // from when a ping was sent to when it was answered
	ended int64  // when it ended in order, us; zero: it did not
}

// interrupt records that a connection began or ended.
func (c *cimView) interrupt(r Record) {
	switch visit := c.visits[r.Process]; {
	case r.Kind == Back:
		c.visits[r.Process] = &cimVisit{node: r.Node, span: span{r.Time, math.MaxInt64}}
	case r.Kind == Away && visit != nil:
		visit.to = r.Time
	}
}

// proveCIM records an event which proves that a CIM client has read something.
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

// readByCIM returns a time for each connection of a CIM client. The client has read the
// messages that were shown up to this time. The store must know that when the next
// connection begins. readByCIM also counts the connections that could be judged.
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

// next returns the connection that followed, or nil if none did.
func (c *cimView) next(process int) (next *cimVisit) {
	first := math.MaxInt
	for p, visit := range c.visits {
		if p > process && p < first {
			first, next = p, visit
		}
	}
	return next
}

// readByPing returns the time up to which shown messages must count as read because of a
// ping. The ping must have been answered well before the connection ended, because
// reports of a closed connection are ignored. If there is no such ping, readByPing
// returns zero.
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
// node was killed. It returns zero if no message must count. That is so if a fault may
// have kept the node from reporting the messages before. It is also so if, when the next
// connection begins, a fault may keep a route from finding the node dead.
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
	starts := kill.to > opens.from && kill.to-startTakes < opens.to // the restarted node accepts connections, but may not answer yet
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

// The method before goes back from the moment end by the duration that the parameter time
// gives. Stalls on the way do not count as time.
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

// reportWaits reports whether a fault in the span s may have delayed a node's report to
// the store. Either the node did not learn what the client has read, or it could not
// report that.
func (j *Judge) reportWaits(reader *reader, node string, s span) bool {
	return j.hurts(s, func(h hit) bool { return h.holdsReport(reader.device, node) })
}

// hurts reports whether any fault may delay a report in the span. A fault counts only if
// the function in the parameter such returns true for it.
func (j *Judge) hurts(s span, such func(hit) bool) bool {
	return slices.ContainsFunc(j.hits, func(h hit) bool {
		ends := h.to
		if ends < math.MaxInt64-reportHangs {
			ends += h.delaysReport()
		}
		return h.from < s.to && ends > s.from && such(h)
	})
}

// delaysReport returns how long after its end the fault may still delay a report, in us.
// That time is short if the fault breaks connections, because calls then fail at once.
func (h hit) delaysReport() int64 {
	if h.fault == "redis-cut" || h.fault == "route-kill" {
		return reportFails
	}
	return reportHangs
}

// holdsReport reports whether a fault may keep a node from reporting to the store what
// its client has read. A node that drains reports it first. Faults of clocks, gossip and
// ZooKeeper do not matter. A fault of other clients matters only if it strikes very
// many of them.
func (h hit) holdsReport(client device, node string) bool {
	switch h.fault {
	case "slow-reader": // a client that reads slowly has a backlog, and the node learns only later when the client has read the backlog
		return h.on == client
	case "node-drain", "clock-node", "clock-route", "gossip-cut", "zk-stop", "zk-expire", "repeat-proxy", "mass-reconnect":
		return false
	case "node-kill", "node-pause":
		return node == "" || strings.HasPrefix(h.note, node+" ")
	}
	return h.on == device{}
}

// forgetsBy reports whether the store lost anything before a time. Then the store may also
// have lost cursors, because no replica has to have them.
func (j *Judge) forgetsBy(at int64) bool { return j.forgot > 0 && j.forgot <= at }
