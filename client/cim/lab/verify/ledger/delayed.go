package ledger

import "slices"

const (
	// earlySlack is how much too early, by the store's clock, a delayed message may be
	// shown. The store counts time in milliseconds only.
	earlySlack = 20_000 // us
	// firing is how long after its due time a message may be stored. It is for a message
	// that a route began to send and did not finish.
	firing = 15_000_000 // us
)

// takeBack records that a sender cancels a delayed message, and the answer to that.
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

// due returns when a delayed message is due, in us. For any other message, it returns
// when it was sent.
func (m *message) due() int64 { return m.sent + m.delay }

// dueLast returns the latest time at which a delayed message may be due, in us. The delay
// begins with the try that was stored. That may be the last try, because the store may
// have refused or lost all earlier ones.
func (m *message) dueLast() int64 { return max(m.sent, m.answered) + m.delay }

// promised reports whether m must be shown to all its receivers.
func (m *message) promised() bool { return m.accepted != 0 && !m.retracted }

// pending reports whether the run ended too early to decide that m was not sent.
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

// mayReturn reports whether a cancellation may have been lost with a primary. If so, the
// message is sent in spite of it.
func (j *Judge) mayReturn(m *message) bool {
	for _, f := range j.failovers {
		if !f.empty && m.takesBack <= f.at && m.takenBack >= f.at-f.tail {
			return true
		}
	}
	return false
}

// mayHaveLeft reports whether the store may have lost the record that the message was
// sent. Then the sender can still cancel the message. A device must have been shown the
// message in the tail before the loss. It may also be a moment after the loss, if a route
// had begun to send the message.
func (j *Judge) mayHaveLeft(m *message) bool {
	return slices.ContainsFunc(j.failovers, func(f failover) bool {
		return m.shownFirst >= f.at-f.tail && m.shownFirst <= f.at+timeSlack && m.takenBack >= f.at
	})
}

// skew is a time in which the store's clock was wrong.
type skew struct{ from, to int64 } // in us; if to is zero, it still lasts

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

// adrift reports whether m was scheduled by a clock that has jumped since. Then m is due
// by the clock before the jump, which may mean an hour later.
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

// takeAdrift reports whether a message is still to come because a clock has jumped. If so,
// takeAdrift counts the message.
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
