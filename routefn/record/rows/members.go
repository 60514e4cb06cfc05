package rows

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/op"
)

// MemberField returns the name of the field of a group's hash that has the membership
// of a user.
func MemberField(user int64) string { return "m:" + strconv.FormatInt(user, 10) }

// Belongs reports whether the user belongs to the group. The parameter membership is the
// value of MemberField, "joined left version removed".
func Belongs(membership string) bool { return JoinedAt(membership) > 0 }

// JoinedAt returns the number of the entry by which the user joined, or zero if the user
// is not a member. The parameter membership is the value of MemberField.
func JoinedAt(membership string) int64 {
	f := strings.Fields(membership)
	if len(f) != 4 || op.Integer(f[1]) != 0 {
		return 0
	}
	return op.Integer(f[0])
}

// ParseMembers reads a page of the members of a group, the answer to ZRANGEBYSCORE. The
// accounts have no credentials.
func ParseMembers(page any) []accounts.Account {
	pairs, _ := page.([]any)
	var users []accounts.Account
	for pair := range slices.Chunk(pairs, 2) {
		if len(pair) == 2 {
			users = append(users, accounts.Account{User: op.Integer(pair[1]), Name: op.Text(pair[0])})
		}
	}
	return users
}

// ParseGroups reads lines of group ids.
func ParseGroups(lines string) []int64 {
	var groups []int64
	for line := range strings.SplitSeq(lines, "\n") {
		if id := op.Integer(line); id > 0 {
			groups = append(groups, id)
		}
	}
	return groups
}
