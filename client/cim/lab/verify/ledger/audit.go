package ledger

import "strings"

// stands records that the log has an entry at the end of the run.
func (j *Judge) stands(r Record) {
	m := j.find(r.From, r.ID, r.Text)
	if m == nil && r.Change != "" {
		return // no device was shown it, because all members may have left
	}
	if m == nil || !m.standsAs(r) {
		j.verdict.violate("invented", "%s of %d stands at %v, which was not sent so", r.ID, r.From, r.At)
		return
	}
	l := log{group: r.Group}
	if r.Group == 0 {
		l.owner = r.User
	}
	j.audit(l, m, *r.At)
	view := j.logs[l]
	if view == nil {
		return
	}
	if k, taken := view.at[*r.At]; taken && k != m.key && !j.mayReplace(j.messages[k], m) {
		j.verdict.violate("disagree", "%v stands at %v, where a device was shown %s of %d", m, r.At, k.id, k.from)
	}
}

// standsAs reports whether the record of an entry in a log matches the message m as it
// was sent.
func (m *message) standsAs(r Record) bool {
	return r.At != nil && m.to == r.To && m.group == r.Group && m.change == r.Change
}

// audit records that a log has the message m at a place at the end of the run. It also
// judges whether m may be there.
func (j *Judge) audit(l log, m *message, at Place) {
	audit := j.audited[l]
	if audit == nil {
		audit = newLogView()
		j.audited[l] = audit
	}
	first, twice := audit.places[m.key]
	audit.at[at], audit.places[m.key] = m.key, at
	switch {
	case twice && (j.upheld || m.doubt):
		j.verdict.Doubled++
	case twice:
		j.verdict.violate("doubled", "%v stands at %v and at %v", m, first, at)
	case m.refused:
		j.verdict.violate("refused", "%v stands at %v, and its sender was told that it was not sent", m, at)
	}
}

// move is a message that two devices were shown at different places.
type move struct {
	reader *reader
	*message
	first, then Place
}

// judgeMoves judges messages that were shown at two places. If a message is in the log
// twice, a reader who may not see the first place is shown it at the second place. If the
// store lost that log, the judge cannot know whether the log had the message twice. Then
// such a message is no violation.
func (v *Verdict) judgeMoves(j *Judge) {
	for _, m := range j.moves {
		audit := j.audited[logOf(m.reader, m.group)]
		if audit != nil && audit.at[m.first] == m.key && audit.at[m.then] == m.key {
			continue
		}
		lost := audit == nil || !audit.has(m.then.Epoch)
		if lost && (j.upheld || m.doubt) {
			continue
		}
		v.violate("disagree", "%v was shown %v at %v, another device at %v", m.reader, m.message, m.then, m.first)
	}
}

// has reports whether the log has an entry of the epoch.
func (l *logView) has(epoch string) bool {
	for at := range l.at {
		if at.Epoch == epoch {
			return true
		}
	}
	return false
}

// judgeTold judges the places in the answers to senders. Two answers must not name the
// same place. No other message may have been shown at a place that an answer names. No
// other message may be there at the end of the run.
func (v *Verdict) judgeTold(j *Judge) {
	told := make(map[log]map[Place]key)
	for _, m := range j.order {
		if m.told == nil || m.accepted == 0 || m.delay > 0 { // a message that is only scheduled has no place yet
			continue
		}
		l := log{group: m.told.Log}
		if l.group == 0 {
			l.owner = m.from
		}
		if told[l] == nil {
			told[l] = make(map[Place]key)
		}
		others := []map[Place]key{told[l]}
		for _, view := range []*logView{j.logs[l], j.audited[l]} {
			if view != nil {
				others = append(others, view.at)
			}
		}
		for _, at := range others {
			k, taken := at[*m.told]
			if other := j.messages[k]; taken && other != m && !j.mayReplace(m, other) && !j.mayReplace(other, m) {
				v.violate("disagree", "its sender was told that %v stands at %v, where %v does", m, m.told, other)
				break
			}
		}
		told[l][*m.told] = m.key
	}
}

// holds reports whether a process may keep a message during a fault and store it later.
// The sender may have sent the message again elsewhere meanwhile, so the log may have it
// twice. That is allowed in no other case. A store that refuses or is gone keeps nothing.
// A store that stands still keeps the commands that it received.
func holds(fault string) bool {
	switch fault {
	case "store-full", "store-readonly", "store-empty", "store-older":
		return false
	}
	return !strings.HasPrefix(fault, "redis")
}
