package ledger

// leave takes in that a device was told that it is logged out, and what its token
// was answered afterwards.
func (j *Judge) leave(r Record) {
	d := device{r.User, r.Device}
	switch r.Kind {
	case LoggedOut:
		j.loggedOut[d] = r.Time
	case LoggedIn:
		delete(j.loggedOut, d)
	case Tried:
		since, out := j.loggedOut[d]
		if out && r.Code == Served && !j.mayForget(since) {
			j.verdict.violate("readable", "%v logged out at %v, and %s served its token", d, micros(since), r.Note)
		}
	}
}

// mayForget reports whether the store may have lost what it was told then.
func (j *Judge) mayForget(at int64) bool {
	for _, f := range j.failovers {
		if at <= f.at && at >= f.at-f.tail {
			return true
		}
	}
	return false
}
