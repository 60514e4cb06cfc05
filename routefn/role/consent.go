package role

// The values of a user's choice. Each tells who may do something with the user.
const (
	everyone = "everyone"
	contacts = "contacts"
)

// MayAdd reports whether somebody may make a user a member of a group. If not, they may
// only invite the user. The parameter word is the user's choice, or empty if the user has
// not chosen. The parameter contact tells whether the two are contacts.
func (r Rules) MayAdd(word string, contact bool) bool {
	switch word {
	case "":
		return contact || !r.Closed
	case everyone:
		return true
	case contacts:
		return contact
	default:
		return false
	}
}

// MayFind reports whether somebody who has a user's id may learn the user's name. The
// parameter word is the user's choice, or empty if the user has not chosen. The parameter
// known tells whether the two know each other.
func (r Rules) MayFind(word string, known bool) bool {
	return known || word == everyone || word == "" && !r.Closed
}

// Finders returns who may find a user who has not chosen.
func (r Rules) Finders() string { return r.Adders() }

// Adders returns who may add a user who has not chosen to groups.
func (r Rules) Adders() string {
	if r.Closed {
		return contacts
	}
	return everyone
}
