package routefn

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cim-go/cim/proto"
)

// Limits of what clients name.
const (
	maxName     = 64                  // characters
	maxDevice   = 32                  // bytes
	maxPassword = 256                 // bytes
	maxAvoid    = 16                  // nodes
	maxCursors  = proto.MaxGroups + 2 // positions in one acknowledgement: of all logs of a user
)

func invalid(message string) error { return proto.Err(proto.Invalid, message) }

func checkName(name string) error {
	n := utf8.RuneCountInString(name)
	if n == 0 || n > maxName {
		return invalid("A name has 1 to 64 characters.")
	}
	if strings.TrimSpace(name) != name {
		return invalid("A name neither begins nor ends with a space.")
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return invalid("A name has no control characters.")
	}
	return nil
}

// checkDevice refuses the device of CIM's connections too, which no ticket opens.
func checkDevice(device string) error {
	if !validDevice(device) {
		return invalid("A device has 1 to 32 of the characters a-z 0-9 - _ and dot.")
	}
	if device == proto.CIMDevice {
		return invalid("The device " + proto.CIMDevice + " is reserved for CIM's clients.")
	}
	return nil
}

func validDevice(device string) bool {
	return device != "" && len(device) <= maxDevice && !strings.ContainsFunc(device, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')
	})
}

func validUser(user int64) bool { return user > 0 && user <= proto.MaxUser }

func validGroup(group int64) bool { return group > 0 && group <= proto.MaxUser }

// checkGroup refuses what nobody can join or leave.
func checkGroup(group int64) error {
	switch {
	case !validGroup(group):
		return invalid("The group is not a group id.")
	case group == proto.Everyone:
		return invalid("Everybody belongs to the group of everyone.")
	}
	return nil
}

// checkMessage checks what somebody wants to be stored. One may send to oneself:
// it is a note to one's other devices. Who of a group was shown what is not told.
func (rt *Route) checkMessage(id string, to, group int64, text string, confirm bool) error {
	switch {
	case !proto.ValidID(id):
		return invalid("The id of a message has 1 to 64 printable ASCII characters without spaces.")
	case (to == 0) == (group == 0):
		return invalid("A message has either a receiver or a group.")
	case group == 0 && !validUser(to):
		return invalid("The receiver is not a user id.")
	case group != 0 && !validGroup(group):
		return invalid("The group is not a group id.")
	case group != 0 && confirm:
		return invalid("Only a private message can be confirmed.")
	}
	return rt.checkText(text)
}

func (rt *Route) checkText(text string) error {
	switch {
	case text == "":
		return invalid("The text is empty.")
	case len(text) > rt.cfg.MaxText:
		return proto.Err(proto.TooLarge, "The text is longer than the limit.")
	case !utf8.ValidString(text):
		return invalid("The text is not UTF-8.")
	}
	return nil
}
