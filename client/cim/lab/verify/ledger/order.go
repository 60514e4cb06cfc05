package ledger

import "slices"

// handed is how long a route that sends delayed messages may stand still before another
// route continues. If it stands still for longer, the order of the messages may be wrong,
// but nothing else.
const handed = 9_000_000 // us

// judgeDelayedOrder judges whether a sender's delayed messages were shown in the order of
// their due times. It judges only what is known of that order.
func (v *Verdict) judgeDelayedOrder(j *Judge, reader *reader) {
	type line struct{ from, log int64 }
	latest := make(map[line]*message) // of the shown messages, the one that was due last
	life := 1
	for _, m := range reader.shown {
		if m.delay == 0 || m.accepted == 0 || m.doubt {
			continue
		}
		if m.life != life {
			clear(latest)
			life = m.life
		}
		l := line{m.from, m.group}
		ahead := latest[l]
		if ahead == nil || m.due() > ahead.due() {
			latest[l] = m.message
		}
		// m was due before the other message, and was scheduled before the other was due.
		before := ahead != nil && m.accepted+m.delay < ahead.due() && m.accepted < ahead.due()
		if before && !j.mayDisorder(m.message, ahead) {
			v.violate("delayed order", "%v was shown %v behind %v, which was due later", reader, m.message, ahead)
		}
	}
}

// mayDisorder reports whether the order may be wrong. A route that sends delayed messages
// may have stood still for longer than its lease, or the store's clock or data may have
// jumped.
func (j *Judge) mayDisorder(a, b *message) bool {
	meanwhile := span{min(a.sent, b.sent), max(a.due(), b.due()) + firing}
	return slices.ContainsFunc(j.hits, func(h hit) bool {
		if h.from > meanwhile.to || h.to < meanwhile.from {
			return false
		}
		switch h.fault {
		case "clock-skew", "store-older", "store-empty", "redis-failover", "redis-cluster-failover":
			return true
		}
		return h.on == (device{}) && h.to-h.from > handed
	}) || slices.ContainsFunc(j.stalls, func(s span) bool { return s.to-s.from > handed })
}

// judgeJoinings judges the places of a user's joinings and leavings among the user's own
// messages. A message that was sent after the joining was confirmed must come after the
// joining. A message that was accepted before the user requested to leave must come before
// the leaving. A message that was lost with a primary has no place, because its number may
// now belong to a leaving.
func (v *Verdict) judgeJoinings(j *Judge) {
	for _, m := range j.order {
		if !m.inGroup() || m.accepted == 0 || m.doubt || m.told == nil || j.shaky(m.group, m.from) || j.lostItsPlace(m) {
			continue
		}
		if t := j.group(m.group).tenures[m.from]; t != nil && len(t.turns) == len(t.asks) { // otherwise it is not known which entry belongs to which request
			v.judgeJoining(m, t)
		}
	}
}

// judgeJoining judges the place of m among the joinings and leavings of its sender.
func (v *Verdict) judgeJoining(m *message, t *tenure) {
	for i, turn := range t.turns {
		a := t.asks[i]
		if turn.place.Epoch != m.told.Epoch || turn.change != a.change {
			continue
		}
		behind := m.told.Number > turn.place.Number
		switch {
		case a.told != 0 && m.sent > a.told && !behind:
			v.violate("joining order", "%v stands at %v, before the %s of its sender that was done before, at %v", m, m.told, a.change, turn.place)
		case m.accepted < a.asked && behind:
			v.violate("joining order", "%v stands at %v, behind the %s of its sender that was asked for later, at %v", m, m.told, a.change, turn.place)
		}
	}
}
