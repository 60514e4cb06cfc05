package ledger

import (
	"math"
	"slices"
)

// finally takes in what the store has in the end.
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
		if m != nil && m.due()+firing < r.Time && !j.adrift(m) && !j.mayBeLost(m) {
			j.verdict.violate("left over", "%v waits still, %v behind its time", m, micros(r.Time-m.due()))
		}
	}
}

// judgeSessions judges the live sessions of the end: one for each device that is
// connected, at its node, and none for anybody else.
func (v *Verdict) judgeSessions(j *Judge) {
	if len(j.sessions) == 0 || j.cut != "" {
		return // nobody looked
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
		case reader != nil && reader.cim == nil && reader.node() != s.Node:
			v.violate("ghost", "%v has a session at %s, and is connected to %s", d, s.Node, reader.node())
		}
		live[d] = true
	}
	for _, reader := range slices.Concat(j.readers, j.cims) {
		if !live[reader.device] && reader.away != math.MaxInt64 {
			v.violate("no session", "%v is connected to %s, and the store does not know", reader, reader.node())
		}
	}
}

// node is the one that the device was connected to last.
func (r *reader) node() string {
	if n := len(r.visits); n > 0 {
		return r.visits[n-1].node
	}
	return ""
}
