package proto

// The states of a relation between two users.
const (
	RelationContact  = "contact"
	RelationIncoming = "incoming" // the other user asks to be a contact
	RelationOutgoing = "outgoing" // the user asks
)

// MaxContactText is how long the text of a contact request may be, in bytes.
const MaxContactText = 200

// RequestContact asks another user to be a contact. If that user asks the same already, both
// become contacts. The code is Blocked if the other user has blocked the caller, and TooMany
// if one of the two has too many contacts or requests. To repeat it changes nothing.
type RequestContact struct {
	User int64  `json:"user"`
	Text string `json:"text,omitempty"` // a line of at most MaxContactText bytes
}

// RequestedContact has the new state: RelationOutgoing or RelationContact.
type RequestedContact struct {
	State string `json:"state"`
}

// ContactChange is a change of the caller's relation to another user. To accept, the
// code is NoContact if that user does not ask any more. To repeat a change is harmless.
type ContactChange struct {
	User int64 `json:"user"`
}

// ContactChanged is empty.
type ContactChanged struct{}

// RemarkContact gives a contact a name that only the caller sees; empty: none. The code is
// NoContact if the user is no contact.
type RemarkContact struct {
	User   int64  `json:"user"`
	Remark string `json:"remark"` // at most 64 characters
}

// Contact is a relation of the caller to another user.
type Contact struct {
	User    int64  `json:"user"`
	Name    string `json:"name"`
	State   string `json:"state,omitempty"`   // RelationContact and its like; empty: the user is only blocked
	Since   int64  `json:"since,omitempty"`   // since when it is so, in ms since 1970
	Blocked int64  `json:"blocked,omitempty"` // since when the user is blocked, in ms since 1970; zero: the user is not
	Remark  string `json:"remark,omitempty"`
	Text    string `json:"text,omitempty"` // of a request that came in
}

// ContactsAnswer is one page of the caller's relations, by ascending id.
type ContactsAnswer struct {
	Contacts []Contact `json:"contacts"`
	Next     int64     `json:"next,omitempty"` // ?after= of the next page; zero: there is none
	Total    int64     `json:"total"`          // how many relations of this kind there are
}

// KindBlocked is the ?kind= of the users whom the caller blocks. The other kinds are
// RelationContact, RelationIncoming and RelationOutgoing.
const KindBlocked = "blocked"

// The values of the fields of Consent: users who may do something with a user.
const (
	ByEveryone = "everyone"
	ByContacts = "contacts"
	ByNobody   = "nobody"
)

// Consent says who may do what with the caller. A blocked user may do nothing of it. An
// empty field of a request stays as it is. The answer has no empty field.
type Consent struct {
	Write string `json:"write,omitempty"` // who may write: ByEveryone or ByContacts
	Add   string `json:"add,omitempty"`   // who may add to groups, rather than invite: ByEveryone, ByContacts or ByNobody
	Find  string `json:"find,omitempty"`  // who learns the name from the id: ByEveryone, or ByContacts, which stands for all who know the caller
}

// Invitation is an invitation of the caller to a group.
type Invitation struct {
	Group  int64  `json:"group"`
	Name   string `json:"name,omitempty"`    // of the group
	By     int64  `json:"by"`                // the inviter
	ByName string `json:"by_name,omitempty"` // empty: that account is gone
	Since  int64  `json:"since"`             // ms since 1970
}

// InvitationsAnswer has the caller's latest 100 invitations, the oldest first. To accept one is a JoinGroup,
// and to decline one a LeaveGroup. The code is NoInvitation if there is none any more.
type InvitationsAnswer struct {
	Invitations []Invitation `json:"invitations"`
}
