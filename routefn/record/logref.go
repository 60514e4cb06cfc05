package record

import (
	"strconv"

	"github.com/cim-go/cim/proto"
)

// logRef names a log: a user's inbox or a group's.
type logRef struct {
	user  int64 // zero: the group's
	group int64
}

// tag is what both keys of a log share, and with it the slot.
func (l logRef) tag() string {
	if l.user != 0 {
		return strconv.FormatInt(l.user, 10)
	}
	return "g" + strconv.FormatInt(l.group, 10)
}

// key returns a key of the log: all of them are in one slot.
func (l logRef) key(name string) string { return "cim:{" + l.tag() + "}:" + name }

func (l logRef) list() string { return l.key("l") }
func (l logRef) hash() string { return l.key("h") }

// members is the key of a group's members.
func (l logRef) members() string { return l.key("m") }

// leases is the key of the nodes that a group is pushed to.
func (l logRef) leases() string { return "cim:{" + l.tag() + "}:n" }

// end is the key that records, for a day, that a group with this id was deleted.
func (l logRef) end() string { return "cim:{" + l.tag() + "}:end" }

// imported is the key of the list of messages that were imported into the log.
func (l logRef) imported() string { return l.key("imported") }

// closed reports whether the log is that of a group which has members.
func (l logRef) closed() bool { return l.user == 0 && l.group != proto.Everyone }

// textOfLeases is the field in which earlier releases keep a group's leases, one per
// line. This release reads it, and removes it when all its leases have expired. A route
// of an earlier release does not know the hash of leases. So a message that it appends
// reaches a node that entered at a newer route only when that node renews, within 30 s.
const textOfLeases = "nodes"

// watchers is the hash's field with the sessions or nodes to push to.
func (l logRef) watchers() string {
	if l.user != 0 {
		return "live"
	}
	return textOfLeases
}

// groupScript returns an op that runs sc on a group's list, hash and further keys.
func (l logRef) groupScript(sc *script, further []string, args ...any) *op {
	o := l.script(sc, args...)
	o.keys = append(o.keys, further...)
	return o
}

// script returns an op that runs sc on the log's list and hash.
func (l logRef) script(sc *script, args ...any) *op {
	return &op{key: l.list(), script: sc, keys: []string{l.list(), l.hash()}, args: args, write: true}
}

// hashScript returns an op that runs sc on the log's hash alone. A script with one key
// is never refused while its slot moves.
func (l logRef) hashScript(sc *script, args ...any) *op {
	return &op{key: l.hash(), script: sc, keys: []string{l.hash()}, args: args, write: true}
}

// position returns a place in the log.
func (l logRef) position(epoch proto.Epoch, number int64, key string) proto.Position {
	return proto.Position{Log: l.group, Epoch: epoch, Number: number, Key: key}
}
