package ledger

import (
	"cmp"
	"math"
)

// judgeNowhere judges whether each message that was shown or accepted is in its log at
// the end.
func (v *Verdict) judgeNowhere(j *Judge) {
	if j.quiet == 0 || j.cut != "" || len(j.audited) == 0 {
		return // the logs were not read
	}
	for _, reader := range j.readers {
		for _, m := range reader.shown {
			if m.change != "" {
				continue
			}
			place := j.view(reader, m.group).places[m.key]
			if !j.standsIn(logOf(reader, m.group), m.message, place.Number) {
				v.violate("nowhere", "%v was shown %v at %v, and it is in no log", reader, m.message, place)
			}
		}
	}
	for _, m := range j.order {
		if j.promisedAs(m) && !m.inGroup() && !j.adrift(m) && !j.pending(m) && !j.standsIn(log{m.to, m.group}, m, math.MaxInt64) {
			v.violate("nowhere", "%v was accepted, and it is in no log", m)
		}
	}
}

// standsIn reports whether a log has the message at the end, or may have had it at the
// given number. The log may lack it because logs are trimmed, or because a store loses
// entries. It may also lack it because a member can read a group's log only from their
// joining on.
func (j *Judge) standsIn(l log, m *message, number int64) bool {
	audit := j.audited[l]
	if audit == nil || j.mayBeLost(m) {
		return true
	}
	if _, stands := audit.places[m.key]; stands {
		return true
	}
	return number < audit.first() && (m.inGroup() || j.full(audit)) || number == math.MaxInt64 && j.full(audit)
}

// usualKeep is the largest number of entries in a log, unless the run sets another number.
const usualKeep = 10_000

// full reports whether a log has as many entries as it keeps, so that it is trimmed.
func (j *Judge) full(audit *logView) bool { return len(audit.at) >= cmp.Or(j.keep, usualKeep) }

// first returns the lowest number of an entry in the log.
func (v *logView) first() int64 {
	first := int64(math.MaxInt64)
	for place := range v.at {
		first = min(first, place.Number)
	}
	return first
}
