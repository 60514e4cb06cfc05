package ledger

import "math"

// What the store may owe in the end, in us: a device tells within some seconds what it
// was shown, and a node enters the groups of its users when they come; a lease is for
// two minutes.
const (
	ackedWithin   = 5_000_000
	enteredWithin = 10_000_000
	leasedFor     = 120_000_000
)

// forgotten reports whether the store lost anything at any time: cursors and leases
// are on no replica for sure, whatever "accepted" means.
func (j *Judge) forgotten() bool { return len(j.failovers) > 0 || j.verdict.Failovers > 0 }

// judgeCursors judges how far the store has that devices were shown their logs: not
// beyond what a device was to be shown and was not, and not behind what it was shown
// a while ago.
func (v *Verdict) judgeCursors(j *Judge) {
	if len(j.cursors) == 0 || j.cut != "" || j.forgotten() {
		return
	}
	type spot struct {
		device
		log int64
	}
	known := make(map[spot]Record)
	for _, c := range j.cursors {
		d := device{c.User, c.Device}
		known[spot{d, c.At.Log}] = c
		if reader := j.devices[d]; reader != nil && reader.cim == nil {
			v.judgeAhead(j, reader, *c.At)
		}
	}
	for _, reader := range j.readers {
		for log, trail := range reader.trail {
			last := j.acked(reader, trail)
			c, kept := known[spot{reader.device, log}]
			switch {
			case last == nil || kept && c.At.Epoch != last.Epoch:
			case kept && c.At.Number < last.Number:
				v.violate("cursor", "%v was shown its log %d up to %v, and the store has %v", reader, log, last, c.At)
			case !kept && (log == 0 || log == Everyone):
				v.violate("cursor", "%v was shown its log %d up to %v, and the store has no cursor", reader, log, last)
			}
		}
	}
}

// acked returns how far the device was shown a log long enough ago, over a connection
// that it has still; nil: nobody can say.
func (j *Judge) acked(reader *reader, trail []standing) (last *Place) {
	for _, s := range trail {
		at, ok := reader.when[s.key]
		if ok && reader.life == 1 && reader.away <= at && at+ackedWithin+timeSlack <= j.quiet {
			last = &s.at
		}
	}
	return last
}

// judgeAhead judges whether a device was shown all up to its cursor.
func (v *Verdict) judgeAhead(j *Judge, reader *reader, cursor Place) {
	audit := j.audited[logOf(reader, cursor.Log)]
	if audit == nil || j.hitBy(reader.device, "twin-device") {
		return // the twin was shown its part
	}
	end := int64(0)
	for place, k := range audit.at {
		if place.Epoch != cursor.Epoch {
			return
		}
		end = max(end, place.Number)
		m := j.messages[k]
		if place.Number > cursor.Number || m.inGroup() || reader.seen[k] > 0 || m.sentBy(reader) || reader.place >= m.joined {
			continue
		}
		v.violate("cursor", "the store has %v for %v, which was not shown %v at %v", cursor, reader, m, place)
	}
	if end > 0 && cursor.Number > end && cursor.Log == 0 {
		v.violate("cursor", "the store has %v for %v, behind the end of the log, %d", cursor, reader, end)
	}
}

// hitBy reports whether a fault hit the device at any time.
func (j *Judge) hitBy(d device, fault string) bool {
	for _, h := range j.hits {
		if h.on == d && h.fault == fault {
			return true
		}
	}
	return false
}

// judgeIntents judges whether changes of groups are under way though everybody was
// answered.
func (v *Verdict) judgeIntents(j *Judge) {
	if j.cut != "" || j.forgotten() {
		return
	}
	for _, r := range j.intents {
		t := j.group(r.Group).tenures[r.User]
		if t != nil && len(t.asks) > 0 && t.asks[len(t.asks)-1].told == 0 {
			continue // somebody waits still
		}
		v.violate("intent", "a %s of %d in group %d is under way, and nobody waits for it", r.Change, r.User, r.Group)
	}
}

// judgeLeases judges who is pushed what goes to groups: each node at which a member
// is connected, and none for longer than a lease.
func (v *Verdict) judgeLeases(j *Judge) {
	if len(j.leases) == 0 || j.cut != "" || j.forgotten() {
		return
	}
	type pair struct {
		group int64
		node  string
	}
	held := make(map[pair]bool)
	for _, l := range j.leases {
		if l.Lasted > leasedFor+timeSlack && !j.skewed() {
			v.violate("lease", "%s has a lease of group %d for %v more", l.Node, l.Group, micros(l.Lasted))
		}
		if l.Lasted > 0 {
			held[pair{l.Group, l.Node}] = true
		}
	}
	for _, reader := range j.readers {
		node := reader.node()
		if node == "" || reader.away == math.MaxInt64 || reader.away+enteredWithin+timeSlack > j.quiet {
			continue
		}
		groups := []int64{Everyone}
		for id, g := range j.groups {
			if t := g.tenures[reader.user]; t != nil && t.stays(j.quiet-enteredWithin-timeSlack) {
				groups = append(groups, id)
			}
		}
		for _, id := range groups {
			if !held[pair{id, node}] {
				v.violate("lease", "%v is connected to %s, which has no lease of group %d", reader, node, id)
				held[pair{id, node}] = true // said once
			}
		}
	}
}

// stays reports whether the user was told before a time that he is a member, and
// asked for nothing else.
func (t *tenure) stays(before int64) bool {
	if len(t.asks) == 0 {
		return false
	}
	last := t.asks[len(t.asks)-1]
	return last.change == Join && last.told != 0 && last.told <= before
}

// skewed reports whether the store's clock was set.
func (j *Judge) skewed() bool {
	for _, h := range j.hits {
		if h.fault == "clock-skew" {
			return true
		}
	}
	return false
}
