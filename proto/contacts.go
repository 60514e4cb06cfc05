package proto

// The states of a relation between two users.
const (
	RelationContact  = "contact"
	RelationIncoming = "incoming" // the other user has asked the caller to become a contact
	RelationOutgoing = "outgoing" // the caller has asked the other user
)

// MaxContactText is how long the text of a contact request may be, in bytes.
const MaxContactText = 200

// RequestContact asks another user to become a contact. If that user has asked the
// caller already, the two become contacts. The code is Blocked if the other user has
// blocked the caller, and TooMany if one of the two has too many contacts or requests.
// Repeating the request changes nothing.
type RequestContact struct {
	User int64  `json:"user"`
	Text string `json:"text,omitempty"` // a line of at most MaxContactText bytes
}

// RequestedContact has the new state: RelationOutgoing or RelationContact.
type RequestedContact struct {
	State string `json:"state"`
}

// ContactChange is a change of the caller's relation to another user. If the caller
// accepts a request that does not exist any more, the code is NoContact. Repeating a
// change is harmless.
type ContactChange struct {
	User int64 `json:"user"`
}

// ContactChanged is empty.
type ContactChanged struct{}

// RemarkContact gives a contact a name that only the caller sees. An empty remark removes
// it. If the user is no contact, the code is NoContact.
type RemarkContact struct {
	User   int64  `json:"user"`
	Remark string `json:"remark"` // at most 64 characters
}

// Contact is a relation of the caller to another user.
type Contact struct {
	User    int64  `json:"user"`
	Name    string `json:"name"`
	State   string `json:"state,omitempty"`   // RelationContact or one like it; empty: the user is only blocked
	Since   int64  `json:"since,omitempty"`   // since when the relation has this state, in ms since 1970
	Blocked int64  `json:"blocked,omitempty"` // since when the user is blocked, in ms since 1970; zero: the user is not blocked
	Remark  string `json:"remark,omitempty"`
	Text    string `json:"text,omitempty"` // the text of an incoming request
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

// The values of the fields of Consent.
const (
	ByEveryone = "everyone"
	ByContacts = "contacts"
	ByNobody   = "nobody"
)

// Consent says who may write to the caller, add the caller to groups, and find the
// caller. Blocked users may do none of these. An empty field of a request changes
// nothing. The answer has no empty field.
type Consent struct {
	Write string `json:"write,omitempty"` // who may write to the caller: ByEveryone or ByContacts
	Add   string `json:"add,omitempty"`   // who may add the caller to groups, rather than only invite them: ByEveryone, ByContacts or ByNobody
	Find  string `json:"find,omitempty"`  // who may learn the caller's name from the id: ByEveryone, or ByContacts, which here means all users who know the caller
}

// Invitation is an invitation of the caller to a group.
type Invitation struct {
	Group  int64  `json:"group"`
	Name   string `json:"name,omitempty"`    // of the group
	By     int64  `json:"by"`                // the inviter
	ByName string `json:"by_name,omitempty"` // name of the inviter; empty: that account is gone
	Since  int64  `json:"since"`             // ms since 1970
}

// InvitationsAnswer has the caller's latest 100 invitations, the oldest first. A
// JoinGroup accepts an invitation, and a LeaveGroup declines it. If the invitation does
// not exist any more, the code is NoInvitation.
type InvitationsAnswer struct {
	Invitations []Invitation `json:"invitations"`
}
