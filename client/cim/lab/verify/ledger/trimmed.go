package ledger

// trim is a report to a device that a range of a log's entries is gone because they are
// too old. The range includes both ends.
type trim struct {
	reader      *reader
	log         int64
	first, last int64
	at          int64 // us
}

func (j *Judge) noteTrimmed(r Record) {
	j.verdict.Trimmed++
	if reader := j.devices[device{r.User, r.Device}]; reader != nil && r.At != nil {
		j.trims = append(j.trims, trim{reader, r.At.Log, r.First, r.At.Number, r.Time})
	}
}

// judgeTrimmed judges the reports by which devices learned that entries are missing. The
// entries must really be gone, and only a full log may drop entries for their age.
func (v *Verdict) judgeTrimmed(j *Judge) {
	for _, t := range j.trims {
		if j.anyLoss(t.at) {
			continue // the earlier entries are gone for another reason
		}
		audit := j.audited[logOf(t.reader, t.log)]
		if audit == nil {
			continue
		}
		if !j.full(audit) {
			v.violate("trimmed", "%v was told that %d to %d of its log %d are too old, and nothing is", t.reader, t.first, t.last, t.log)
			continue
		}
		for place, k := range audit.at {
			if place.Number >= t.first && place.Number <= t.last {
				v.violate("trimmed", "%v was told that %d to %d of its log %d are gone, and %s stands at %v", t.reader, t.first, t.last, t.log, k.id, place)
				break
			}
		}
	}
}

// anyLoss reports whether the store lost anything up to the time given by at.
func (j *Judge) anyLoss(at int64) bool {
	for _, f := range j.failovers {
		if f.at <= at {
			return true
		}
	}
	return false
}
