package ledger

import (
	"math"
	"slices"
)

// finally records what the store has at the end of the run.
func (j *Judge) finally(r Record) {
	switch r.Kind {
	case Session:
		j.sessions = append(j.sessions, r)
	case Cursor:
		j.cursors = append(j.cursors, r)
	case Intent:
		j.intents = append(j.intents, r)
	case Leased:
		j.leases = append(j.leases, r)
	case Waits:
		m := j.messages[key{r.User, r.ID}]
		if m != nil && m.dueLast()+firing < r.Time && !j.adrift(m) && !j.mayBeLost(m) {
			j.verdict.violate("left over", "%v waits still, %v behind its time", m, micros(r.Time-m.dueLast()))
		}
	}
}

// judgeSessions judges the live sessions at the end. There must be one for each connected
// device, at its node, and none for any other device.
func (v *Verdict) judgeSessions(j *Judge) {
	if len(j.sessions) == 0 || j.cut != "" {
		return // the sessions were not read
	}
	live := make(map[device]bool)
	for _, s := range j.sessions {
		d := device{s.User, s.Device}
		reader := j.devices[d]
		switch _, out := j.loggedOut[d]; {
		case out, reader != nil && reader.away == math.MaxInt64:
			v.violate("ghost", "%v has a session at %s, and no connection", d, s.Node)
		case live[d]:
			v.violate("ghost", "%v has two sessions", d)
		case reader != nil && reader.cim == nil && reader.nodeAt(s.Time) != s.Node:
			v.violate("ghost", "%v has a session at %s, and is connected to %s", d, s.Node, reader.nodeAt(s.Time))
		}
		live[d] = true
	}
	for _, reader := range slices.Concat(j.readers, j.cims) {
		if !live[reader.device] && reader.away != math.MaxInt64 {
			v.violate("no session", "%v is connected to %s, and the store does not know", reader, reader.nodeAt(math.MaxInt64))
		}
	}
}

// nodeAt returns the node to which the device was connected last up to a time in us. The
// time matters because the nodes drain when a run stops, after the store was read.
func (r *reader) nodeAt(at int64) (node string) {
	for _, visit := range r.visits {
		if visit.from <= at {
			node = visit.node
		}
	}
	return node
}
