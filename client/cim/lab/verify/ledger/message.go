package ledger

import (
	"fmt"
)

// key names a message, device who is shown it.
type key struct {
	from int64
	id   string
}

// stream is what a sender's order holds in: a conversation, from one device.
type stream struct {
	from      device
	to, group int64
}

// message is what is known of one message.
type message struct {
	key
	device    string
	process   int // the latest that sent it
	to, group int64
	text      string
	delay     int64  // us; zero: it is sent at once
	change    string // Join or Leave: it is no message but an entry that says so

	sent      int64 // us, the first time
	accepted  int64 // us; zero: it was not
	refused   bool  // the last try was, and none before it is in doubt
	doubt     bool  // a try had no answer
	retracted bool  // its sender takes it back, and was not told that it is too late
	cancelled bool  // the sender was told that it is
	takesBack int64 // us, when the sender asked for it
	takenBack int64 // us, when the sender was told
	settled   bool  // and a later one had
	answered  int64 // us, the last time
	told      *Place

	turnedAway bool       // a try was refused because its sender is no member
	waiting    int        // tries whose sender still waits
	first      int64      // number among the stream's, of the first try
	before     int64      // of its stream, what has this number or a higher one stands behind it
	joined     int        // devices that had joined when it was sent
	named      bool       // it was sent without an id, and has one now
	copies     []*message // and these are others that were made of it
	copy       bool       // it is that other message
	shown      int        // devices that were shown it
	shownFirst int64      // us, when the first of them was
}

// isFor reports whether m may be for the device. Of a group's message only the end
// tells, see judgeGroups.
func (m *message) isFor(r *reader) bool {
	return m.group != 0 || r.user == m.to || r.user == m.from
}

// showTo counts one more device that is shown m, at a time in us.
func (m *message) showTo(at int64) {
	if m.shown == 0 {
		m.shownFirst = at
	}
	m.shown++
}

func (m *message) private() bool { return m.group == 0 }

// inGroup reports whether m is for the members of a group, not for everyone.
func (m *message) inGroup() bool { return m.group != 0 && m.group != Everyone }

// sentBy reports whether the device need not be shown m because it sent it. A
// delayed message it only left with the servers.
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
