// Package logref names a log, its keys in the store, and the operations on them. A log is
// the inbox of a user or the log of a group. All keys of a log are in one slot, so one
// script may use them.
//
// The keys are in the table of package record, and so are their values.
package logref

import (
	"errors"
	"strconv"
	"strings"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/op"
)

// ErrNoGroup is returned for the log of a group that does not exist.
var ErrNoGroup = errors.New("no such group")

// Ref names a log: the inbox of a user, or the log of a group.
type Ref struct {
	User  int64 // zero: Ref is the log of Group
	Group int64
}

// Tag returns the part in braces of all keys of the log. The tag decides their slot.
func (l Ref) Tag() string {
	if l.User != 0 {
		return strconv.FormatInt(l.User, 10)
	}
	return "g" + strconv.FormatInt(l.Group, 10)
}

// Parse returns the log that has the given tag, see Ref.Tag. It returns false if
// the tag has another form.
func Parse(tag string) (Ref, bool) {
	digits, group := strings.CutPrefix(tag, "g")
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case err != nil || n <= 0:
		return Ref{}, false
	case group:
		return Ref{Group: n}, true
	default:
		return Ref{User: n}, true
	}
}

// Key returns a key of the log. The parameter name is the last part of the key. All keys
// of a log are in one slot.
func (l Ref) Key(name string) string {
	b := append(make([]byte, 0, 64), "cim:{"...)
	if l.User != 0 {
		b = strconv.AppendInt(b, l.User, 10)
	} else {
		b = strconv.AppendInt(append(b, 'g'), l.Group, 10)
	}
	return string(append(append(b, "}:"...), name...))
}

// List returns the key of the entries.
func (l Ref) List() string { return l.Key("l") }

// Hash returns the key of a hash with the small things that belong to the log.
func (l Ref) Hash() string { return l.Key("h") }

// Members returns the key of a group's members.
func (l Ref) Members() string { return l.Key("m") }

// Leases returns the key of the group's leases, one for each node to which the group's
// messages are pushed.
func (l Ref) Leases() string { return l.Key("n") }

// Counts returns the key that has how many messages of each sender wait in an inbox
// (room.lua).
func (l Ref) Counts() string { return l.Key("u") }

// Receivers returns the key of the users to whom a user wrote.
func (l Ref) Receivers() string { return l.Key("to") }

// Relations returns the key of a user's relations to others (relation.lua).
func (l Ref) Relations() string { return l.Key("k") }

// Choosy returns the key that says whether a user blocks others, or has said who may add
// them to groups: see relation.lua.
func (l Ref) Choosy() string { return l.Key("x") }

// End returns the key that records, for a day, that a group with this id was deleted.
func (l Ref) End() string { return l.Key("end") }

// Imported returns the key that records which messages were imported into the log.
func (l Ref) Imported() string { return l.Key("imported") }

// Closed reports whether only members may read the log. This is so for the log of a group
// other than everyone.
func (l Ref) Closed() bool { return l.User == 0 && l.Group != proto.Everyone }

// TextOfLeases is the field in which earlier releases keep a group's leases, one per
// line. This release reads the field, and removes it when all the leases in it have
// expired.
//
// A route of an earlier release does not know the hash of leases. So it does not push to
// nodes that have entered by a newer route. These nodes find the messages of the earlier
// route when they renew their leases, within 30 s.
const TextOfLeases = "nodes"

// Watchers returns the field of the hash that has the sessions or nodes to which new
// entries are pushed.
func (l Ref) Watchers() string {
	if l.User != 0 {
		return "live"
	}
	return TextOfLeases
}

// GroupScript returns an op that runs sc on the list and the hash of a group, and on
// further keys.
func (l Ref) GroupScript(sc *op.Script, further []string, args ...any) *op.Op {
	o := l.Script(sc, args...)
	o.Keys = append(o.Keys, further...)
	return o
}

// Script returns an op that runs sc on the list and the hash of the log.
func (l Ref) Script(sc *op.Script, args ...any) *op.Op {
	return &op.Op{Key: l.List(), Script: sc, Keys: []string{l.List(), l.Hash()}, Args: args, Write: true}
}

// HashScript returns an op that runs sc on the hash of the log alone. While a slot moves
// to another server, Redis may refuse a script with several keys. It runs a script with a
// single key even then.
func (l Ref) HashScript(sc *op.Script, args ...any) *op.Op {
	return &op.Op{Key: l.Hash(), Script: sc, Keys: []string{l.Hash()}, Args: args, Write: true}
}

// Position returns the position of the entry in the log that has this epoch, number and
// key.
func (l Ref) Position(epoch proto.Epoch, number int64, key string) proto.Position {
	return proto.Position{Log: l.Group, Epoch: epoch, Number: number, Key: key}
}

// Everyone is the log of the group of everyone.
var Everyone = Ref{Group: proto.Everyone}
