package rows

import (
	"iter"
	"slices"
	"strings"

	"github.com/cim-go/cim/routefn/record/op"
)

// Lease records that a node holds members of a group, so that the group's messages are
// pushed to it.
type Lease struct {
	Node string
	Boot uint64
	Addr string
}

// NoNode is a field that the hash of leases of a group always has. Every other field of
// the hash is a lease. Its name is the id of the node. Its value is the boot, the
// address, and the end in ms by the store's clock, with tabs between them. NoNode is no
// lease. It keeps the hash existing. Otherwise, while the slot moves to another server,
// Redis would refuse a transaction with that key.
const NoNode = ""

// ParseLeases reads lines "node boot addr end". It returns the leases that have not
// ended. The parameter now is the time in ms by the store's clock. If a node has two
// leases, the one that ends later counts.
func ParseLeases(lines string, now int64) []Lease {
	var list []Lease
	var ends []int64
	for l, end := range LeasesIn(lines) {
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

// LeasesIn yields each lease in lines, with the time when it ends.
func LeasesIn(lines string) iter.Seq2[Lease, int64] {
	return func(yield func(Lease, int64) bool) {
		for line := range strings.SplitSeq(lines, "\n") {
			var f [4]string
			if cut(line, f[:]) && f[0] != NoNode && !yield(Lease{Node: f[0], Boot: parseBoot(f[1]), Addr: f[2]}, op.Integer(f[3])) {
				return
			}
		}
	}
}

// LeaseLines appends lines to the parameter lines, one for each field of the hash of
// leases, and returns all of them. The parameter fields is the answer to HGETALL.
// lease.lua does the same in scripts.
func LeaseLines(lines string, fields any) string {
	pairs, _ := fields.([]any)
	var all strings.Builder
	all.WriteString(lines)
	for pair := range slices.Chunk(pairs, 2) {
		all.WriteString("\n" + op.Text(pair[0]) + "\t" + op.Text(pair[1]))
	}
	return all.String()
}
