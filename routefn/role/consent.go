package role

// The values say who may do something with a user, as the user has chosen.
const (
	everyone = "everyone"
	contacts = "contacts"
)

// MayAdd reports whether somebody may make a user a member of a group, rather than only
// invite them. The parameter word says who may, as the user has said; empty: the user has
// said nothing. contact reports whether the two are contacts.
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

// MayFind reports whether somebody may learn the name of a user from the id. word is what
// the user has said; empty: nothing. known reports whether the two know each other.
func (r Rules) MayFind(word string, known bool) bool {
	return known || word == everyone || word == "" && !r.Closed
}

// Finders says who finds a user who has said nothing.
func (r Rules) Finders() string { return r.Adders() }

// Adders says who may add a user who has said nothing to groups.
func (r Rules) Adders() string {
	if r.Closed {
		return contacts
	}
	return everyone
}
