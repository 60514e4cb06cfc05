package role

// System is the role of a user in the whole system. A higher one may do all that a lower
// one may.
type System uint8

// The roles in the system.
const (
	User System = iota
	Moderator
	Operator // gives others their roles
)

var systems = [...]string{User: "user", Moderator: "moderator", Operator: "operator"}

// String returns the name of the role.
func (s System) String() string { return systems[s] }

// ParseSystem returns the role with the name. It returns false for any other text.
func ParseSystem(name string) (System, bool) {
	for s := User; s <= Operator; s++ {
		if systems[s] == name {
			return s, true
		}
	}
	return User, false
}

// MayAppoint reports whether a user with the role s may give others roles in the system.
func (s System) MayAppoint() bool { return s == Operator }

// MayModerate reports whether a user with the role s may read what users report, and
// decide about it.
func (s System) MayModerate() bool { return s >= Moderator }

// Rules say what a cluster demands. The zero Rules demand nothing, as in open mode on one
// machine.
type Rules struct {
	Everyone System // the least role that may write to everyone and list who is online
	Closed   bool   // users who have said nothing are added to groups by contacts, and found by the id by those who know them
}

// Safe has the rules for clusters whose users prove who they are.
func Safe() Rules { return Rules{Everyone: Moderator, Closed: true} }

// MayReachEveryone reports whether a user with the role s may write to everyone and list
// who is online.
func (r Rules) MayReachEveryone(s System) bool { return s >= r.Everyone }
