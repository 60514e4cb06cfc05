package record

import (
	"strconv"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/op"
)

// logRef names a log: the inbox of a user, or the log of a group.
type logRef struct {
	user  int64 // zero: it is the log of group
	group int64
}

// tag returns the part that all keys of a log have in braces. It decides their slot.
func (l logRef) tag() string {
	if l.user != 0 {
		return strconv.FormatInt(l.user, 10)
	}
	return "g" + strconv.FormatInt(l.group, 10)
}

// key returns a key of the log. The parameter name is its last part. All keys of a log
// are in one slot.
func (l logRef) key(name string) string { return "cim:{" + l.tag() + "}:" + name }

func (l logRef) list() string { return l.key("l") }
func (l logRef) hash() string { return l.key("h") }

// members returns the key of a group's members.
func (l logRef) members() string { return l.key("m") }

// leases returns the key of the leases of a group: of the nodes to which it is pushed.
func (l logRef) leases() string { return "cim:{" + l.tag() + "}:n" }

// receivers returns the key of the users to whom a user wrote.
func (l logRef) receivers() string { return l.key("to") }

// relations returns the key of what a user thinks of others: see relation.lua.
func (l logRef) relations() string { return l.key("k") }

// choosy returns the key that tells whether a user blocks others, or has said who may add
// them to groups: see relation.lua.
func (l logRef) choosy() string { return l.key("x") }

// end returns the key that records, for a day, that a group with this id was deleted.
func (l logRef) end() string { return "cim:{" + l.tag() + "}:end" }

// imported returns the key that records which messages were imported into the log.
func (l logRef) imported() string { return l.key("imported") }

// closed reports whether only members may read the log: it is the log of a group, and
// not of everyone.
func (l logRef) closed() bool { return l.user == 0 && l.group != proto.Everyone }

// textOfLeases is the field in which earlier releases keep a group's leases, one per
// line. This release reads it, and removes it when all its leases have expired.
//
// A route of an earlier release does not know the hash of leases. So it does not push
// to nodes that have entered by a newer route. These find its messages when they renew
// their leases, within 30 s.
const textOfLeases = "nodes"

// watchers returns the field of the hash that has the sessions or nodes to push to.
func (l logRef) watchers() string {
	if l.user != 0 {
		return "live"
	}
	return textOfLeases
}

// groupScript returns an op that runs sc on the list and the hash of a group, and on
// further keys.
func (l logRef) groupScript(sc *op.Script, further []string, args ...any) *op.Op {
	o := l.script(sc, args...)
	o.Keys = append(o.Keys, further...)
	return o
}

// script returns an op that runs sc on the list and the hash of the log.
func (l logRef) script(sc *op.Script, args ...any) *op.Op {
	return &op.Op{Key: l.list(), Script: sc, Keys: []string{l.list(), l.hash()}, Args: args, Write: true}
}

// hashScript returns an op that runs sc on the hash of the log alone. A script with
// only one key is never refused while its slot moves.
func (l logRef) hashScript(sc *op.Script, args ...any) *op.Op {
	return &op.Op{Key: l.hash(), Script: sc, Keys: []string{l.hash()}, Args: args, Write: true}
}

// position returns the position of the entry in the log that has this epoch, number and
// key.
func (l logRef) position(epoch proto.Epoch, number int64, key string) proto.Position {
	return proto.Position{Log: l.group, Epoch: epoch, Number: number, Key: key}
}

// The roles in the system are roles in the group of everyone. So a message to everyone is
// checked where it is stored, without another round trip. No user has another role there.
var system = logRef{group: proto.Everyone}
