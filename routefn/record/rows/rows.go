// Package rows reads the small tables in the hash of a log. Each table is a text in one
// field, with one line per row and tabs within a line. So when a message is sent, one
// HMGET reads the table together with the epoch and the base of the log. The scripts
// write the tables, with the functions in the folder lua.
//
//	sessions, and what they received   sessions.go; lua/live.lua
//	leases of nodes                    leases.go; lua/lease.lua
//	who belongs to a group             members.go; lua/member.lua, groups.lua
package rows

import (
	"embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/cim-go/cim/proto"
)

// Lua has the files by which scripts read and write rows.
//
//go:embed lua/*.lua
var Lua embed.FS

// ParseEpoch reads an epoch as the store keeps it, and returns zero if that fails.
func ParseEpoch(s string) proto.Epoch {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0
	}
	return proto.Epoch(n)
}

// BootText returns a boot as sixteen hex digits, because Lua's numbers cannot hold 64
// bits.
func BootText(boot uint64) string { return fmt.Sprintf("%016x", boot) }

// parseBoot reads a text that BootText has made. It returns zero for any other text.
func parseBoot(s string) uint64 {
	boot, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0
	}
	return boot
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
