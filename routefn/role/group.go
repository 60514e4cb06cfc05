package role

// Group is the role of a user in a group. A higher role may do all that a lower role may.
type Group uint8

// The roles in a group.
const (
	Stranger Group = iota // does not belong to the group
	ReadOnly              // reads, and writes nothing
	Member
	Admin
	Owner // at most one user, who made the group or to whom it was handed over
)

var groups = [...]string{Stranger: "", ReadOnly: "read-only", Member: "member", Admin: "admin", Owner: "owner"}

// String returns the name of the role; empty for a stranger.
func (g Group) String() string { return groups[g] }

// ParseGroup returns the role with the name. It returns false for any other text, and for
// an empty text.
func ParseGroup(name string) (Group, bool) {
	for g := ReadOnly; g <= Owner; g++ {
		if groups[g] == name {
			return g, true
		}
	}
	return Stranger, false
}

// MayWrite reports whether a user with the role g may write to the group.
func (g Group) MayWrite() bool { return g >= Member }

// MayAdd reports whether a user with the role g may make others members.
func (g Group) MayAdd() bool { return g >= Admin }

// MayRemove reports whether a user with the role g may remove another user. The parameter
// other is the other user's role. A stranger who is removed cannot join.
func (g Group) MayRemove(other Group) bool { return g >= Admin && g > other }

// MayGive reports whether a user with the role g may change another member's role. The
// parameter had is the present role, and next is the new one. If next is Owner, the change
// hands the group over.
func (g Group) MayGive(had, next Group) bool {
	if had == Stranger || next == Stranger || had >= g {
		return false
	}
	return g == Owner || g == Admin && next <= Member
}
