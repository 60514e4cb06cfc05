package ledger

import (
	"fmt"
)

// key names a message, and device names a receiver.
type key struct {
	from int64
	id   string
}

// stream is one conversation, as far as one device of a sender writes it. Its messages
// must keep their order.
type stream struct {
	from      device
	to, group int64
}

// message has everything that is known about one message.
type message struct {
	key
	device    string
	process   int // the latest process that sent it
	to, group int64
	text      string
	delay     int64  // us; zero: it is sent at once
	change    string // Join or Leave: this is the entry about that, and no message

	sent      int64 // when it was first sent, us
	accepted  int64 // when it was accepted, us; zero: it was not
	refused   bool  // the last try was refused, and the outcomes of all earlier ones are known
	doubt     bool  // the outcome of a try is unknown
	retracted bool  // its sender cancels it, and got no answer that it is too late
	cancelled bool  // the cancellation was confirmed
	takesBack int64 // when the sender requested the cancellation, us
	takenBack int64 // when the answer to that came, us
	settled   bool  // after a try without an answer, a later one was answered
	answered  int64 // when it was last answered, us
	told      *Place

	turnedAway bool       // a try was refused because its sender is no member
	waiting    int        // tries whose sender still waits
	first      int64      // number of the first try in its stream
	before     int64      // messages of its stream with this number or a higher one come after it
	joined     int        // how many devices had joined when it was sent
	named      bool       // it was sent without an id, and has one now
	copies     []*message // repetitions of it with other ids
	copy       bool       // this is such a repetition
	shown      int        // how many devices were shown it
	shownFirst int64      // when the first device was shown it, us
}

// isFor reports whether the device may be a receiver of m. For a group's message that can
// be decided only at the end, see judgeGroups.
func (m *message) isFor(r *reader) bool {
	return m.group != 0 || r.user == m.to || r.user == m.from
}

// showTo counts one more device that is shown m. The parameter at is in us.
func (m *message) showTo(at int64) {
	if m.shown == 0 {
		m.shownFirst = at
	}
	m.shown++
}

func (m *message) private() bool { return m.group == 0 }

// inGroup reports whether m is for the members of a group, and not for everyone.
func (m *message) inGroup() bool { return m.group != 0 && m.group != Everyone }

// sentBy reports whether the device of r has sent m, and so need not be shown m. A delayed
// message must be shown to that device, too.
func (m *message) sentBy(r *reader) bool {
	return m.from == r.user && m.device == r.name && m.delay == 0
}

func clip(text string) string { return text[:min(len(text), 40)] }

// String names the message, its sender and its receiver.
func (m *message) String() string {
	to := "everyone"
	switch {
	case m.change != "":
		return fmt.Sprintf("the %s of %d in group %d", m.change, m.from, m.group)
	case m.inGroup():
		to = fmt.Sprintf("group %d", m.group)
	case m.private():
		to = fmt.Sprint(m.to)
	}
	return fmt.Sprintf("%s of %d/%s to %s", m.id, m.from, m.device, to)
}
