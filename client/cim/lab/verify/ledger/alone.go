package ledger

import "slices"

// alone is a time in which no replica heard the primary: from a broken record on,
// for as long as it says. One that was healed before says nothing, because nobody
// knows when.
type alone struct {
	fault    string
	from, to int64 // us
	cut      bool  // it was healed before
}

func (j *Judge) isolate(r Record) {
	switch {
	case r.Kind == Broken && r.Alone > 0:
		j.alone = append(j.alone, alone{fault: r.Fault, from: r.Time, to: r.Time + r.Alone})
	case r.Kind == Healed:
		for i := range j.alone {
			a := &j.alone[i]
			a.cut = a.cut || a.fault == r.Fault && a.from < r.Time && r.Time < a.to
		}
	}
}

// judgeAlone judges what was sent and accepted, or sent and shown, while no replica
// could have it. To schedule a delayed message is to accept it, too.
func (v *Verdict) judgeAlone(j *Judge) {
	if v.Ack != AckReplica {
		return
	}
	for _, m := range j.order {
		for _, a := range j.alone {
			if !a.cut && m.accepted != 0 && m.sent > a.from && m.accepted < a.to {
				v.violate("alone", "%v was accepted at %v, when no replica could have it", m, micros(m.accepted))
			}
		}
	}
	for _, reader := range slices.Concat(j.readers, j.cims) {
		for _, m := range reader.shown {
			for _, a := range j.alone {
				if !a.cut && m.change == "" && m.sent > a.from && m.at < a.to {
					v.violate("alone", "%v was shown %v at %v, when no replica could have it", reader, m.message, micros(m.at))
				}
			}
		}
	}
}
