package ledger

import "math"

// The delays, in us, that the store's state may have at the end of a run. A device
// reports its cursor within some seconds, and a node enters the groups of its users
// when they connect. A lease lasts two minutes.
const (
	ackedWithin   = 5_000_000
	enteredWithin = 10_000_000
	leasedFor     = 120_000_000
)

// forgotten reports whether the store lost anything at any time. Then cursors and leases
// may be lost, too, because no replica has to have them.
func (j *Judge) forgotten() bool { return len(j.failovers) > 0 || j.verdict.Failovers > 0 }

// judgeCursors judges the cursors of devices in the store. A cursor must not be beyond a
// message that the device should have been shown but was not. It must not be behind a
// message that the device was shown some time ago.
func (v *Verdict) judgeCursors(j *Judge) {
	if len(j.cursors) == 0 || j.cut != "" || j.forgotten() {
		return
	}
	known := make(map[cursor]Record)
	for _, c := range j.cursors {
		d := device{c.User, c.Device}
		known[cursor{d, c.At.Log}] = c
		if reader := j.devices[d]; reader != nil && reader.cim == nil {
			v.judgeAhead(j, reader, *c.At)
		}
	}
	for _, reader := range j.readers {
		for log, trail := range reader.trail {
			if last := j.acked(reader, trail); last != nil {
				c, kept := known[cursor{reader.device, log}]
				v.judgeBehind(reader, log, last, c, kept)
			}
		}
	}
}

// cursor names a device's position in one of its logs.
type cursor struct {
	device
	log int64
}

// judgeBehind judges whether the store's cursor c is behind the place in the parameter
// last. The device was shown the log up to that place long ago.
func (v *Verdict) judgeBehind(reader *reader, log int64, last *Place, c Record, kept bool) {
	switch {
	case kept && c.At.Epoch != last.Epoch:
	case kept && c.At.Number < last.Number:
		v.violate("cursor", "%v was shown its log %d up to %v, and the store has %v", reader, log, last, c.At)
	case !kept && (log == 0 || log == Everyone):
		v.violate("cursor", "%v was shown its log %d up to %v, and the store has no cursor", reader, log, last)
	}
}

// acked returns the last place of a log that the device was shown long enough ago, over a
// connection that it still has. It returns nil if no such place is known.
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
		return // the device's twin may have been shown some messages
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

// judgeIntents finds changes of groups that are unfinished although all users got their
// answers.
func (v *Verdict) judgeIntents(j *Judge) {
	if j.cut != "" || j.forgotten() {
		return
	}
	for _, r := range j.intents {
		t := j.group(r.Group).tenures[r.User]
		if t != nil && len(t.asks) > 0 && t.asks[len(t.asks)-1].told == 0 {
			continue // a user still waits for the answer
		}
		v.violate("intent", "a %s of %d in group %d is under way, and nobody waits for it", r.Change, r.User, r.Group)
	}
}

// judgeLeases judges the leases of groups. Each node at which a member is connected must
// have one, and no lease may be longer than two minutes.
func (v *Verdict) judgeLeases(j *Judge) {
	if len(j.leases) == 0 || j.cut != "" || j.forgotten() {
		return
	}
	held := make(map[lease]bool)
	for _, l := range j.leases {
		if l.Lasted > leasedFor+timeSlack && !j.skewed() {
			v.violate("lease", "%s has a lease of group %d for %v more", l.Node, l.Group, micros(l.Lasted))
		}
		if l.Lasted > 0 {
			held[lease{l.Group, l.Node}] = true
		}
	}
	for _, reader := range j.readers {
		node := reader.nodeAt(j.quiet)
		if node == "" || reader.away == math.MaxInt64 || reader.away+enteredWithin+timeSlack > j.quiet {
			continue
		}
		for _, id := range j.groupsOf(reader.user) {
			if !held[lease{id, node}] {
				v.violate("lease", "%v is connected to %s, which has no lease of group %d", reader, node, id)
				held[lease{id, node}] = true // one violation per lease
			}
		}
	}
}

// lease is a node's subscription to a group.
type lease struct {
	group int64
	node  string
}

// groupsOf returns the groups for which the user's nodes must have leases. The user has
// been a member of these for long enough.
func (j *Judge) groupsOf(user int64) []int64 {
	groups := []int64{Everyone}
	for id, g := range j.groups {
		if t := g.tenures[user]; t != nil && t.stays(j.quiet-enteredWithin-timeSlack) {
			groups = append(groups, id)
		}
	}
	return groups
}

// stays reports whether the user's joining was confirmed before the given time. The user
// must not have requested anything since.
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
