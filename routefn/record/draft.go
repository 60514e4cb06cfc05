package record

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/cim-go/cim/proto"
)

// A draft has a receiver's copy. It also has the sender's own copy, unless it is a
// group's message or a message to oneself.
const (
	receiverCopy = iota
	ownCopy
	copies
)

// draft is a message that is being stored in its logs.
type draft struct {
	*Message
	key    string
	stored []byte // the encoded entry; if one log already has the message, that log's bytes, so that all copies are equal
	at     int64  // time of the entry
	logs   [copies]logRef
	copy   [copies]*Copy
	err    [copies]error

	claimed  bool // its id stood for nothing before
	repeated bool // it was found
}

// newDraft encodes a message. A delayed message has the time at which it was taken to
// be fired, any other message the time now. If the message cannot be stored, the draft
// has an error already.
func newDraft(m *Message, now int64) *draft {
	d := &draft{Message: m, key: proto.Key(m.From, m.ID), at: now}
	if m.taken {
		d.at = m.Time
	}
	switch {
	case m.Group < 0:
		d.err[receiverCopy] = fmt.Errorf("group %d: %w", m.Group, ErrNoGroup)
	case m.Group != 0:
		d.logs[receiverCopy] = logRef{group: m.Group}
	default:
		d.logs[receiverCopy] = logRef{user: m.To}
		if m.From != m.To {
			d.logs[ownCopy] = logRef{user: m.From}
		}
	}
	if m.From <= 0 || m.Group == 0 && m.To <= 0 || !proto.ValidID(m.ID) {
		d.err[receiverCopy] = fmt.Errorf("%w: message %q from %d to %d", ErrInvalid, m.ID, m.From, m.To)
		return d
	}
	stored, err := proto.EncodeStored(d.key, &proto.Entry{
		FromName: m.FromName, To: m.To, Group: m.Group, Time: d.at, Text: m.Text, Confirm: m.Confirm,
	})
	if err != nil {
		d.err[receiverCopy] = fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	d.stored = stored
	return d
}

// found uses the entry that an earlier try wrote. It sets ErrIDReused if the entry is
// another message.
func (d *draft) found(stored []byte) error {
	_, encoded, err := proto.SplitStored(stored)
	if err != nil {
		return err
	}
	e, err := decodeEntry(encoded)
	if err != nil {
		return err
	}
	if e.GetKind() == proto.Kind_EXPIRED { // its content is not known any more
		d.at, d.repeated = e.GetTime(), true
		return nil
	}
	if !d.same(e) {
		return ErrIDReused
	}
	d.stored, d.at, d.repeated = stored, e.GetTime(), true
	return nil
}

// answer combines the results of both copies. If a message may be in some log and is
// not in all of its logs, the error is ErrUnknown, because the next try must search for
// it.
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
	case touched && errors.Is(answer.Err, ErrNoUser): // the store has lost the sender, and the receiver has the message
		answer.Err = fmt.Errorf("append %s: %w: not in all its logs: %w", d.key, ErrUnknown, ErrNoUser)
	}
	return Appended{Err: answer.Err}
}

// same reports whether two messages under one id count as the same one: they have the
// same receiver or group, and the same text. Other fields may differ. The values of the
// first message then count, such as the due time of a delayed message and whether its
// sender wants a mark. The answer has these values.
func (m *Message) same(e *proto.Entry) bool {
	return e.GetKind() == proto.Kind_TEXT && m.To == e.GetTo() && m.Group == e.GetGroup() && m.Text == e.GetText()
}

// content returns a hash of a message's receiver and text, which a claim stores.
// Messages with the same content count as the same message.
func (m *Message) content() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %s", m.To, m.Group, m.Text))
	return hex.EncodeToString(sum[:8])
}
