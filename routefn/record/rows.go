package record

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/op"
)

// The hash of a log has small tables. Each table is a text in one field of the hash,
// with a line per row and tabs within a line. So a send reads the table that it needs
// by the same HMGET as epoch and base. The scripts write the tables, and this file
// reads them.

// parseEpoch reads an epoch as the store keeps it, and returns zero if that fails.
func parseEpoch(s string) proto.Epoch {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0
	}
	return proto.Epoch(n)
}

// bootText returns a boot as sixteen hex digits, because Lua's numbers cannot hold 64
// bits.
func bootText(boot uint64) string { return fmt.Sprintf("%016x", boot) }

func parseBoot(s string) uint64 {
	boot, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0
	}
	return boot
}

// parseSession reads a line "device number boot node addr". It returns nil if the line
// has another form.
func parseSession(line string) *Session {
	if s, ok := sessionIn(line); ok {
		return &s
	}
	return nil
}

func sessionIn(line string) (s Session, ok bool) {
	var f [5]string
	if !cut(line, f[:]) {
		return s, false
	}
	return Session{Device: f[0], Number: op.Integer(f[1]), Boot: parseBoot(f[2]), Node: f[3], Addr: f[4]}, true
}

// cut splits a line into f. It reports whether the line has exactly len(f) fields.
func cut(line string, f []string) bool {
	for i := range f {
		var more bool
		f[i], line, more = strings.Cut(line, "\t")
		if more != (i < len(f)-1) {
			return false
		}
	}
	return true
}

func parseSessions(lines string) []Session {
	var list []Session
	for line := range strings.SplitSeq(lines, "\n") {
		if s, ok := sessionIn(line); ok {
			list = append(list, s)
		}
	}
	return list
}

// parseCursors reads lines of "log epoch number key".
func parseCursors(lines string) []proto.Position {
	var list []proto.Position
	for line := range strings.SplitSeq(lines, "\n") {
		if f := strings.Split(line, "\t"); len(f) == 4 {
			list = append(list, proto.Position{Log: op.Integer(f[0]), Epoch: parseEpoch(f[1]), Number: op.Integer(f[2]), Key: f[3]})
		}
	}
	return list
}

// parseReceived reads the field recv:DEVICE, which ack.lua writes: a line with a
// session, then lines with positions. If the node has reported the end, there is a line
// with "left" between them, see Acking.Left.
func parseReceived(lines string) *Received {
	line, cursors, _ := strings.Cut(lines, "\n")
	if s, ok := sessionIn(line); ok {
		return &Received{Session: s, Through: parseCursors(cursors), Left: strings.HasPrefix(cursors, "left\t")}
	}
	return nil
}

// noNode is a field that the hash of leases of a group always has. Every other field of
// the hash is a lease. Its name is the id of the node. Its value is the boot, the
// address, and the end in ms by the store's clock, with tabs between them. noNode is no
// lease: it keeps the hash existing, because Redis refuses a transaction while its slot
// moves if one of its keys does not exist.
const noNode = ""

// parseLeases reads lines "node boot addr end". It returns the leases whose end is
// after now, in ms by the store's clock. If a node has two leases, the one that ends
// later counts.
func parseLeases(lines string, now int64) []Lease {
	var list []Lease
	var ends []int64
	for l, end := range leasesIn(lines) {
		if end <= now {
			continue
		}
		i := slices.IndexFunc(list, func(other Lease) bool { return other.Node == l.Node })
		switch {
		case i < 0:
			list, ends = append(list, l), append(ends, end)
		case ends[i] < end:
			list[i], ends[i] = l, end
		}
	}
	return list
}

// leasesIn yields each lease in lines, with its end.
func leasesIn(lines string) iter.Seq2[Lease, int64] {
	return func(yield func(Lease, int64) bool) {
		for line := range strings.SplitSeq(lines, "\n") {
			var f [4]string
			if cut(line, f[:]) && f[0] != noNode && !yield(Lease{Node: f[0], Boot: parseBoot(f[1]), Addr: f[2]}, op.Integer(f[3])) {
				return
			}
		}
	}
}

// leaseLines returns lines with more lines behind them: one for each field of the hash
// of leases. fields is the answer to HGETALL. lease.lua does the same in scripts.
func leaseLines(lines string, fields any) string {
	pairs, _ := fields.([]any)
	var all strings.Builder
	all.WriteString(lines)
	for pair := range slices.Chunk(pairs, 2) {
		all.WriteString("\n" + op.Text(pair[0]) + "\t" + op.Text(pair[1]))
	}
	return all.String()
}

// ackArgs returns ARGV of ack.lua. Cursors come from clients, so ackArgs checks each
// one, and returns ErrInvalid for a malformed one.
func ackArgs(a Acking) ([]any, error) {
	if err := op.CheckNames(a.Device); err != nil {
		return nil, err
	}
	end, cursors, more := 0, a.Cursors, a.Received
	switch {
	case len(a.Left) > 0:
		end, cursors, more = 2, nil, a.Left
	case a.Ended:
		end = 1
	}
	args := []any{a.Device, a.Number, end, len(cursors)}
	for _, c := range slices.Concat(cursors, more) {
		if c.Log < 0 || c.Number < 0 || c.Key != "" && !validKey(c.Key) {
			return nil, fmt.Errorf("%w: cursor of log %d at %d, %q", ErrInvalid, c.Log, c.Number, c.Key)
		}
		args = append(args, c.Log, c.Epoch.String(), c.Number, c.Key)
	}
	return args, nil
}

// validKey reports whether an entry may have this key.
func validKey(key string) bool {
	_, id, err := proto.ParseKey(key)
	return err == nil && proto.ValidID(id)
}

// memberField returns the name of the field of a group's hash that has the membership
// of a user.
func memberField(user int64) string { return "m:" + strconv.FormatInt(user, 10) }

// belongs reports whether the user belongs to the group. membership is the value of
// memberField: "joined left version removed".
func belongs(membership string) bool { return joinedAt(membership) > 0 }

// joinedAt returns the number of the entry by which the user joined, or zero if the
// user is not a member. membership is the value of memberField.
func joinedAt(membership string) int64 {
	f := strings.Fields(membership)
	if len(f) != 4 || op.Integer(f[1]) != 0 {
		return 0
	}
	return op.Integer(f[0])
}

// parseGroups reads lines of group ids.
func parseGroups(lines string) []int64 {
	var groups []int64
	for line := range strings.SplitSeq(lines, "\n") {
		if id := op.Integer(line); id > 0 {
			groups = append(groups, id)
		}
	}
	return groups
}

// membersIn reads total, the answer to ZCARD, and page, the answer to ZRANGEBYSCORE.
func membersIn(total, page any) Members {
	m := Members{Total: op.Integer(total)}
	pairs, _ := page.([]any)
	for pair := range slices.Chunk(pairs, 2) {
		if len(pair) == 2 {
			m.Users = append(m.Users, Account{User: op.Integer(pair[1]), Name: op.Text(pair[0])})
		}
	}
	return m
}
