package ledger

import "slices"

const (
	// earlySlack is how long before its time a delayed message may be shown: times are
	// told in milliseconds. The clock is the store's.
	earlySlack = 20_000 // us
	// firing is how long after its time one may be stored that somebody began to send
	// and did not finish.
	firing = 15_000_000 // us
)

// takeBack notes that a sender takes a delayed message back, and what they were told.
func (j *Judge) takeBack(r Record) {
	m := j.messages[key{r.User, r.ID}]
	if m == nil || m.delay == 0 {
		j.verdict.violate("invented", "%s of %d was taken back and never scheduled", r.ID, r.User)
		return
	}
	switch r.Kind {
	case TakesBack:
		m.retracted, m.takesBack = true, r.Time
	case TakenBack:
		m.cancelled, m.takenBack = true, r.Time
	case TooLate:
		m.retracted = false
	}
}

// due is when a delayed message is to be sent, us; of another: when it was.
func (m *message) due() int64 { return m.sent + m.delay }

// dueLast is the latest that a delayed message may be due, us. The delay counts from the
// try that was stored, which may be the last: the store may have refused or lost others.
func (m *message) dueLast() int64 { return max(m.sent, m.answered) + m.delay }

// promised reports whether m is to be shown to all it is for.
func (m *message) promised() bool { return m.accepted != 0 && !m.retracted }

// pending reports whether the end came too soon to say that m was not sent.
func (j *Judge) pending(m *message) bool {
	return m.delay > 0 && j.quiet > 0 && m.dueLast()+firing > j.quiet
}

// judgeDelayed judges a delayed message that a device was shown.
func (v *Verdict) judgeDelayed(j *Judge, reader *reader, m showing) {
	switch {
	case m.cancelled && !j.mayReturn(m.message) && !j.mayHaveLeft(m.message):
		v.violate("cancelled", "%v was shown %v, which its sender took back", reader, m.message)
	case m.at < m.due()-earlySlack && v.Faults["clock-skew"] == 0:
		v.violate("early", "%v was shown %v %v before its time", reader, m.message, micros(m.due()-m.at))
	}
}

// mayReturn reports whether some primary may have taken with it that a message was
// taken back, so that it is sent after all.
func (j *Judge) mayReturn(m *message) bool {
	for _, f := range j.failovers {
		if !f.empty && m.takesBack <= f.at && m.takenBack >= f.at-f.tail {
			return true
		}
	}
	return false
}

// mayHaveLeft reports whether the store lost that the message was sent, and let its sender
// take it back afterwards. Then somebody was shown it in the tail, or a moment behind the
// loss, by a route that had begun to send it.
func (j *Judge) mayHaveLeft(m *message) bool {
	return slices.ContainsFunc(j.failovers, func(f failover) bool {
		return m.shownFirst >= f.at-f.tail && m.shownFirst <= f.at+timeSlack && m.takenBack >= f.at
	})
}

// skew is a time in which the store's clock was off.
type skew struct{ from, to int64 } // us; to zero: it lasts

func (j *Judge) skew(r Record) {
	switch {
	case r.Fault != "clock-skew":
	case r.Kind == Broken:
		j.skews = append(j.skews, skew{from: r.Time})
	default:
		for i := range j.skews {
			if j.skews[i].to == 0 {
				j.skews[i].to = r.Time
			}
		}
	}
}

// adrift reports whether m was scheduled by a clock that has jumped since: then it
// is due when that clock would have said so, which may be in an hour.
func (j *Judge) adrift(m *message) bool {
	if m.delay == 0 || m.shown > 0 {
		return false
	}
	for _, s := range j.skews {
		if m.accepted >= s.from && (s.to == 0 || m.sent <= s.to) {
			return true
		}
	}
	return false
}

// takeAdrift notes that a message is still to come, and reports whether that is
// so.
func (j *Judge) takeAdrift(v *Verdict, counted map[*message]bool, m *message) bool {
	if !j.adrift(m) {
		return false
	}
	if !counted[m] {
		counted[m] = true
		v.Adrift++
	}
	return true
}
