package record

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/dedup"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
)

// These are the copies of a draft. A private message has both, unless it is a message
// to oneself. A group's message has only the first one, in the group's log.
const (
	receiverCopy = iota
	ownCopy
	copies
)

// lookBack is how far back a message is searched for if it is marked Again and its id is
// not known. Its first try may have been stored although its id was not. A script takes
// 0.5 us for each entry that it reads.
const lookBack = 5 * time.Minute

// apart is by how many ms the entry of a message may be older than the claim of its id.
// Each of them has the time of the route that wrote it, and clocks of routes differ a
// little.
const apart = 10_000

// draft is a message that is being stored in its logs.
type draft struct {
	*Message
	key    string
	stored []byte // the encoded entry; if one log has the message already, the bytes from there, so that all copies are equal
	at     int64  // time of the entry, in ms by the store's clock
	logs   [copies]logref.Ref
	copy   [copies]*Copy
	err    [copies]error

	look     bool // it is searched for before it is stored: it is marked Again, or its id is known
	repeated bool // the message was found in a log

	made  int64        // time of the claim: the first value of at
	claim *dedup.Claim // of its id, at the index place; nil: there is none
	place int
	had   int64 // when its id was claimed before, in ms; zero: it was not known
	fresh bool  // the claim is the first one of its id
	gone  bool  // its receiver's log was shortened since the claim, so only the own copy can show that it was stored
	twice bool  // it was stored, although its id turned out to be known
}

// The method claims reports whether the draft's id is claimed before it is stored.
func (d *draft) claims() bool { return d.Again || d.Claim }

// The method stands reports whether the entry of the draft has another time than the claim.
func (d *draft) stands() bool { return d.look && d.at != cmp.Or(d.had, d.made) }

// The method since returns the time in ms back to which the draft is searched for.
func (d *draft) since() int64 {
	if d.had != 0 && !d.taken {
		return d.had - apart
	}
	return d.at - lookBack.Milliseconds()
}

// These say what append.lua does to an entry.
const (
	appendNew    = "0"
	searchFirst  = "1"
	recallStored = "2"
	uniteStored  = "3"
	searchKnown  = "4"
)

// The method search returns what append.lua does to the entry of a draft.
func (d *draft) search() string {
	switch {
	case d.gone:
		return uniteStored
	case d.had != 0 && !d.taken:
		return searchKnown
	case d.look, d.repeated:
		return searchFirst
	default:
		return appendNew
	}
}

// newDraft encodes a message. The time of its entry is now, or for a delayed message, the
// time at which a route took the message to fire it. If the message cannot be stored, the
// draft has an error from the start.
func newDraft(m *Message, now int64) *draft {
	d := &draft{Message: m, at: now, look: m.Again}
	if m.taken {
		d.at = m.Time
	}
	switch {
	case m.Group < 0:
		d.err[receiverCopy] = fmt.Errorf("group %d: %w", m.Group, ErrNoGroup)
	case m.Group != 0:
		d.logs[receiverCopy] = logref.Ref{Group: m.Group}
	default:
		d.logs[receiverCopy] = logref.Ref{User: m.To}
		if m.From != m.To {
			d.logs[ownCopy] = logref.Ref{User: m.From}
		}
	}
	d.made = d.at
	var err error
	d.key, d.stored, err = entry.Encode(m.From, m.ID, &proto.Entry{
		FromName: m.FromName, To: m.To, Group: m.Group, Time: d.at, Text: m.Text, Confirm: m.Confirm,
	})
	if err != nil {
		d.err[receiverCopy] = err
	}
	return d
}

// The method found makes the draft use an entry that an earlier try has stored. It
// returns ErrIDReused if that entry is another message.
func (d *draft) found(stored []byte) error {
	_, encoded, err := proto.SplitStored(stored)
	if err != nil {
		return err
	}
	e, err := entry.Decode(encoded)
	if err != nil {
		return err
	}
	if e.GetKind() == proto.Kind_EXPIRED { // the entry has lost its text, so it cannot be compared
		d.at, d.repeated = e.GetTime(), true
		return nil
	}
	if !d.same(e) {
		return ErrIDReused
	}
	d.stored, d.at, d.repeated = stored, e.GetTime(), true
	return nil
}

// answer combines the results of both copies. If the message may be in one log, but is
// not known to be in all of them, the error is ErrUnknown. Then the next try must search
// for the message.
func (d *draft) answer() Appended {
	answer := Appended{Time: d.at, Repeated: d.repeated}
	touched := false
	for i := range copies {
		if d.copy[i] != nil {
			answer.Copies = append(answer.Copies, *d.copy[i])
			touched = true
		}
		touched = touched || errors.Is(d.err[i], ErrUnknown)
		if answer.Err == nil && d.err[i] != nil {
			answer.Err = fmt.Errorf("append %s: %w", d.key, d.err[i])
		}
	}
	if answer.Err == nil {
		return answer
	}
	switch {
	case touched && errors.Is(answer.Err, ErrUnavailable):
		answer.Err = fmt.Errorf("append %s: %w: not in all its logs", d.key, ErrUnknown)
	case touched && errors.Is(answer.Err, ErrNoUser): // the store has lost the sender's inbox, but the receiver has the message
		answer.Err = fmt.Errorf("append %s: %w: not in all its logs: %w", d.key, ErrUnknown, ErrNoUser)
	}
	return Appended{Err: answer.Err}
}

// The method same reports whether m and the entry e, which has the same id, count as the
// same message. They do if they have the same receiver or group, and the same text. Other
// fields may differ, such as the time at which a delayed message is due. Then the values
// of the entry count, and the sender's answer has them.
func (m *Message) same(e *proto.Entry) bool {
	return e.GetKind() == proto.Kind_TEXT && m.To == e.GetTo() && m.Group == e.GetGroup() && m.Text == e.GetText()
}

// The function content returns a hash of the message's receiver or group and its text.
// A claim stores it. Messages of one id with equal content count as the same message.
func (m *Message) content() uint64 {
	b := strconv.AppendInt(make([]byte, 0, 64+len(m.Text)), m.To, 10)
	b = strconv.AppendInt(append(b, ' '), m.Group, 10)
	sum := sha256.Sum256(append(append(b, ' '), m.Text...))
	return binary.BigEndian.Uint64(sum[:])
}
