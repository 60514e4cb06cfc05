package ledger

import "slices"

// alone is a time in which no replica got anything from the primary. It begins with a
// broken record, which says how long it lasts. If the fault was healed earlier, the exact
// end is unknown. Then nothing is judged by this time.
type alone struct {
	fault    string
	from, to int64 // us
	cut      bool  // the fault was healed earlier
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

// judgeAlone finds messages that no replica could have while they were sent and accepted,
// or sent and shown. For a delayed message, scheduling counts as accepting.
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
