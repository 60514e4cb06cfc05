package role

// System is the role of a user in the whole system. A higher role may do all that a
// lower role may.
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

// MayModerate reports whether a user with the role s may read the reports of users, and
// decide about them.
func (s System) MayModerate() bool { return s >= Moderator }

// Rules has the settings of a cluster. With the zero Rules, every user may do everything,
// as in open mode on one machine.
type Rules struct {
	Everyone System // the lowest role that may write to everyone and list the users who are online
	Closed   bool   // of users who have not chosen: only contacts can add them to groups, and only users who know them can find them by their id
}

// Safe has the rules for clusters whose users prove who they are.
func Safe() Rules { return Rules{Everyone: Moderator, Closed: true} }

// MayReachEveryone reports whether a user with the role s may write to everyone and list
// the users who are online.
func (r Rules) MayReachEveryone(s System) bool { return s >= r.Everyone }
