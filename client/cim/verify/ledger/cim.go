package ledger

import "fmt"

// A CIM client is told of a message who sent it and its text, and no more: neither its id
// nor its place. Both are known from its text, which no sender sends twice, and from
// what stands in the log. It keeps nothing and acknowledges by its pings alone, so that
// each of its connections begins at a cursor that may lie behind what it was shown. What
// it sends has no id until somebody is shown it.

// cimView is what only a CIM client's reader has. Such readers are no part of
// Judge.readers: their showings have no places, and may come again.
type cimView struct {
	since int64     // us, when it joined
	told  []showing // all that it was shown, repetitions among them
	again int       // of those, repetitions
}

// saying is what a CIM client is told of a message.
type saying struct {
	from int64
	text string
}

// joinCIM takes in a CIM client.
func (j *Judge) joinCIM(reader *reader, at int64) {
	reader.place = len(j.readers) - 1 // what is sent from now on is for it
	reader.cim = &cimView{since: at}
	j.cims = append(j.cims, reader)
}

// find returns the message that was shown, or stands, under an id. The first id of one
// that was sent without is its own; each further one is a message more, which something
// between its sender and the store made of it.
func (j *Judge) find(from int64, id, text string) *message {
	k := key{from, id}
	if m := j.messages[k]; m != nil {
		return m
	}
	m := j.sayings[saying{from, text}]
	reader := (*reader)(nil)
	if m != nil {
		reader = j.devices[device{from, m.device}]
	}
	if reader == nil || reader.cim == nil {
		return nil
	}
	if !m.named {
		m.named = true
		j.messages[k] = m
		return m
	}
	if !j.upheld && !m.doubt {
		j.verdict.violate("doubled", "%v is another message under the id %s, too", m, id)
	}
	m.copied = true
	other := *m
	other.key, other.copied, other.copy = k, false, true
	other.accepted, other.waiting, other.shown, other.told = 0, 0, 0, nil
	j.messages[k] = &other
	j.order = append(j.order, &other)
	return &other
}

// isForCIM reports whether a CIM client is shown the message: it prints what its user
// sends by itself, and knows no groups.
func (m *message) isForCIM(r *reader) bool {
	return (m.to == r.user || m.group == Everyone && m.from != r.user) && m.change == ""
}

// showCIM takes in a showing to a CIM client.
func (j *Judge) showCIM(reader *reader, r Record) {
	m := j.sayings[saying{r.From, r.Text}]
	switch {
	case m == nil:
		j.verdict.violate("invented", "%v was shown %q of %d, which was not sent", reader, clip(r.Text), r.From)
	case m.from == reader.user && m.to != reader.user:
		j.verdict.violate("echo", "%v was shown %v, which its user sent", reader, m)
	case !m.isForCIM(reader):
		j.verdict.violate("stranger", "%v was shown %v", reader, m)
	default:
		s := showing{m, r.Time, r.Process, reader.life, reader.seen[m.key] > 0}
		reader.cim.told = append(reader.cim.told, s)
		if s.again {
			reader.cim.again++
			return
		}
		reader.seen[m.key] = reader.life
		reader.when[m.key] = r.Time
		reader.shown = append(reader.shown, s)
		m.shown++
	}
}

// owedCIM calls each with every message that a CIM client was to be shown and was not.
func (j *Judge) owedCIM(each func(reader *reader, m *message, accepted bool)) {
	for _, reader := range j.cims {
		for _, m := range j.order {
			if reader.seen[m.key] > 0 || m.copy || m.sent < reader.cim.since || !m.isForCIM(reader) || j.passedOver(reader, m) {
				continue
			}
			if m.promised() {
				each(reader, m, true)
			} else if j.seenInLog(reader, m) {
				each(reader, m, false)
			}
		}
	}
}

// passedOver reports whether a CIM client may rightly miss the message. A full log drops
// what the client could still come for, and nothing tells it so. A store that came back
// empty has lost its cursors: then everyone begins where that log ends.
func (j *Judge) passedOver(reader *reader, m *message) bool {
	l := logOf(reader, m.group)
	if audit := j.audited[l]; audit == nil && j.keep > 0 || audit != nil && j.full(audit) {
		return true
	}
	for _, f := range j.failovers {
		if f.empty && m.group == Everyone && (m.accepted == 0 || m.accepted >= f.at) {
			return true
		}
	}
	return false
}

// judgeCIM judges what a CIM client was shown on each of its connections: nothing twice,
// and each log in its order. Behind a loss of the store's a log begins anew whenever
// its node notices, and nothing is said.
func (v *Verdict) judgeCIM(j *Judge, reader *reader) {
	v.CIM++
	v.CIMShown += len(reader.cim.told)
	v.CIMAgain += reader.cim.again
	twice := j.standTwice()
	process, seen := 0, make(map[*message]bool)
	last := make(map[int64]*message) // by log
	for _, m := range reader.cim.told {
		if m.process != process {
			process = m.process
			clear(seen)
			clear(last)
		}
		if j.anyLoss(m.at) || j.mayBeLost(m.message) || m.copied || twice[m.key] {
			continue
		}
		if seen[m.message] {
			if j.mayHaveStoodTwice(reader, m.message) {
				continue
			}
			v.violate("twice", "%v was shown %v again, by one connection", reader, m.message)
			continue
		}
		seen[m.message] = true
		place, known := j.finalPlace(reader, m.message)
		if !known {
			continue
		}
		if ahead := last[m.group]; ahead != nil {
			before, _ := j.finalPlace(reader, ahead)
			if before.Epoch == place.Epoch && before.Number > place.Number {
				v.violate("log order", "%v was shown %v, which stands at %v, behind %v, at %v", reader, m.message, place, ahead, before)
				continue
			}
		}
		last[m.group] = m.message
	}
}

// finalPlace returns where a message stands in a log that the reader reads: in the end,
// if the logs were read then, or else where another device was shown it.
func (j *Judge) finalPlace(reader *reader, m *message) (Place, bool) {
	if audit := j.audited[logOf(reader, m.group)]; audit != nil {
		place, known := audit.places[m.key]
		return place, known
	}
	place, known := j.view(reader, m.group).places[m.key]
	return place, known
}

// standTwice returns the messages that stand in a log at more than one place, which a
// client that sees no ids shows as often.
func (j *Judge) standTwice() map[key]bool {
	twice := make(map[key]bool)
	for _, audit := range j.audited {
		for place, k := range audit.at {
			if audit.places[k] != place {
				twice[k] = true
			}
		}
	}
	return twice
}

// mayHaveStoodTwice reports whether nobody knows any more that the message stood in its
// log once: the logs were not read in the end, or dropped what was old.
func (j *Judge) mayHaveStoodTwice(reader *reader, m *message) bool {
	audit := j.audited[logOf(reader, m.group)]
	if audit != nil {
		return j.full(audit)
	}
	return j.upheld || m.doubt
}

// cimRow says in a line what CIM clients were shown.
func (v *Verdict) cimRow() string {
	return fmt.Sprintf("%d, shown %d times, %d of them again behind a reconnect", v.CIM, v.CIMShown, v.CIMAgain)
}
