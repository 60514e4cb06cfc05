package ledger

import "slices"

// leave records that a device is logged out, and the answers to its token afterwards.
func (j *Judge) leave(r Record) {
	d := device{r.User, r.Device}
	switch r.Kind {
	case LoggedOut:
		since, known := j.loggedIn[d]
		if !known {
			since = r.Time
		}
		j.loggedOut[d] = span{since, r.Time}
	case LoggedIn:
		j.loggedIn[d] = r.Time
		delete(j.loggedOut, d)
	case Tried:
		when, out := j.loggedOut[d]
		if out && r.Code == Served && !j.mayForget(when) {
			j.verdict.violate("readable", "%v logged out at %v, and %s served its token", d, micros(when.to), r.Note)
		}
	}
}

// mayForget reports whether the store may have lost a write that it accepted in the span.
// The span ends with the answer to the write, which may come long after the write.
func (j *Judge) mayForget(when span) bool {
	return slices.ContainsFunc(j.failovers, func(f failover) bool { return when.from <= f.at && when.to >= f.at-f.tail })
}
