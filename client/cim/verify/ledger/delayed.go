package ledger

const (
	// earlySlack is how long before its time a delayed message may be shown: times are
	// told in milliseconds. The clock is the store's.
	earlySlack = 20_000 // us
	// firing is how long after its time one may be stored that somebody began to send
	// and did not finish.
	firing = 15_000_000 // us
)

// takeBack takes in that a sender takes a delayed message back, and what he was
// told.
func (j *Judge) takeBack(r Record) {
	m := j.messages[key{r.User, r.ID}]
	if m == nil || m.delay == 0 {
		j.verdict.violate("invented", "%s of %d was taken back and never scheduled", r.ID, r.User)
		return
	}
	switch r.Kind {
	case TakesBack:
		m.retracted = true
	case TakenBack:
		m.cancelled = true
	case TooLate:
		m.retracted = false
	}
}

// due is when a delayed message is to be sent, us; of another: when it was.
func (m *message) due() int64 { return m.sent + m.delay }

// promised reports whether m is to be shown to all it is for.
func (m *message) promised() bool { return m.accepted != 0 && !m.retracted }

// judgeDelayed judges a delayed message that a device was shown.
func (v *Verdict) judgeDelayed(reader *reader, m showing) {
	switch {
	case m.cancelled:
		v.violate("cancelled", "%v was shown %v, which its sender took back", reader, m.message)
	case m.at < m.due()-earlySlack && v.Faults["clock-skew"] == 0:
		v.violate("early", "%v was shown %v %v before its time", reader, m.message, micros(m.due()-m.at))
	}
}
