// Package check checks names, devices, ids, texts, positions and pages of requests,
// before anything else is done with them. Its functions are pure, and their errors are
// *proto.Error with the code Invalid or TooLarge.
package check

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

const (
	maxName     = 64                  // characters
	maxDevice   = 32                  // bytes
	maxPassword = 256                 // bytes
	maxCursors  = proto.MaxGroups + 2 // positions in one acknowledgement: one for each log of a user
)

// Invalid returns an error with the code Invalid. The parameter message is a sentence for
// the caller.
func Invalid(message string) error { return proto.Err(proto.Invalid, message) }

// Name returns an error if name cannot be the name of an account or a group.
func Name(name string) error {
	n := utf8.RuneCountInString(name)
	if n == 0 || n > maxName {
		return Invalid("A name has 1 to 64 characters.")
	}
	if strings.TrimSpace(name) != name {
		return Invalid("A name neither begins nor ends with a space.")
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return Invalid("A name has no control characters.")
	}
	return nil
}

// Password returns an error if the password is longer than an account's password may
// be.
func Password(password string) error {
	if len(password) > maxPassword {
		return Invalid("A password has 1 to 256 bytes.")
	}
	return nil
}

// NewPassword returns an error if the password cannot be the password of an account.
func NewPassword(password string) error {
	if password == "" {
		return Invalid("A password has 1 to 256 bytes.")
	}
	return Password(password)
}

// Device returns an error if no client can log in with the device. That includes the
// device of CIM's connections, which open without a ticket.
func Device(device string) error {
	if !ValidDevice(device) {
		return Invalid("A device has 1 to 32 of the characters a-z 0-9 - _ and dot.")
	}
	if device == proto.CIMDevice {
		return Invalid("The device " + proto.CIMDevice + " is reserved for CIM's clients.")
	}
	return nil
}

// ValidDevice reports whether device can be the device of a session.
func ValidDevice(device string) bool {
	return device != "" && len(device) <= maxDevice && !strings.ContainsFunc(device, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')
	})
}

// ValidRepeat reports whether s names a rule for logins of a device that is already
// connected.
func ValidRepeat(s string) bool { return s == proto.RepeatReplace || s == proto.RepeatReject }

// ValidUser reports whether the given number can be a user's id.
func ValidUser(user int64) bool { return user > 0 && user <= proto.MaxUser }

// Group returns an error if the given number is no group's id. It also returns an error
// for the group of everyone, which nobody joins or leaves.
func Group(group int64) error {
	switch {
	case !validGroup(group):
		return Invalid("The group is not a group id.")
	case group == proto.Everyone:
		return Invalid("Everybody belongs to the group of everyone.")
	}
	return nil
}

func validGroup(group int64) bool { return group > 0 && group <= proto.MaxUser }

// Message returns an error if the message cannot be stored. The parameter maxText is the
// largest number of bytes in its text. Users may send messages to themselves, as notes to
// their other devices. Only a private message can be confirmed.
func Message(m *record.Message, maxText int) error {
	switch {
	case !proto.ValidID(m.ID):
		return Invalid("The id of a message has 1 to 64 printable ASCII characters without spaces.")
	case (m.To == 0) == (m.Group == 0):
		return Invalid("A message has either a receiver or a group.")
	case m.Group == 0 && !ValidUser(m.To):
		return Invalid("The receiver is not a user id.")
	case m.Group != 0 && !validGroup(m.Group):
		return Invalid("The group is not a group id.")
	case m.Group != 0 && m.Confirm:
		return Invalid("Only a private message can be confirmed.")
	case m.First < 0 || m.First > proto.MaxUser:
		return Invalid("The time of the first try is not a time in milliseconds.")
	}
	return text(m.Text, maxText)
}

// Key sets the id of a request to the value of the header proto.HeaderKey. The value may
// be in quotes, as a string of RFC 9651. Without such a header, the id stays. The error
// has the code Invalid if the request has another id already, or if the header has more
// than one value. If the parameter id is nil, Key does not read the header.
func Key(values []string, id *string) error {
	if id == nil || len(values) == 0 {
		return nil
	}
	key := values[0]
	if quoted, ok := strings.CutPrefix(key, `"`); ok {
		key = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(strings.TrimSuffix(quoted, `"`))
	}
	if len(values) > 1 || key == "" || *id != "" && *id != key {
		return Invalid("A request has one id. It is in the body, in the header " + proto.HeaderKey + ", or the same in both.")
	}
	*id = key
	return nil
}

func text(text string, most int) error {
	switch {
	case text == "":
		return Invalid("The text is empty.")
	case len(text) > most:
		return proto.Err(proto.TooLarge, fmt.Sprintf("The text has %d bytes, and %d are allowed.", len(text), most))
	case !utf8.ValidString(text):
		return Invalid("The text is not UTF-8.")
	}
	return nil
}

// Ack returns an error if no session can have the number, or if no acknowledgement can
// have these cursors.
func Ack(number int64, cursors []proto.Position) error {
	if number <= 0 || number > proto.MaxNumber {
		return Invalid("An acknowledgement needs the session's number.")
	}
	if len(cursors) == 0 || len(cursors) > maxCursors {
		return Invalid("An acknowledgement has a position, and at most one for each log.")
	}
	for _, c := range cursors {
		if !inLog(c) || c.Number == 0 {
			return Invalid("A position's log is not negative, and its number is positive.")
		}
	}
	return nil
}

// Pull returns an error if no log can be read from the position in the parameter after. It
// also returns an error if no page can have as many entries as limit names.
func Pull(after proto.Position, limit int) error {
	switch {
	case limit < 0 || limit > proto.MaxPull:
		return Invalid("A pull is limited to 500 messages.")
	case !inLog(after):
		return Invalid("The position is negative, or beyond all logs.")
	}
	return nil
}

// inLog reports whether a log could have the position.
func inLog(p proto.Position) bool {
	return p.Log >= 0 && p.Log <= proto.MaxNumber && p.Number >= 0 && p.Number <= proto.MaxNumber
}
