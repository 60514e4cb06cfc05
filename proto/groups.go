package proto

// Limits of groups.
const (
	MaxGroups  = 250 // groups per user, without Everyone
	MaxInvited = 500 // first members of a group, without its creator
)

// The roles in a group.
const (
	GroupOwner    = "owner"     // adds and removes members, gives roles, and may make another member the owner
	GroupAdmin    = "admin"     // adds and removes members, makes members read-only
	GroupMember   = "member"    // reads and writes
	GroupReadOnly = "read-only" // reads
)

// CreateGroup makes a group whose first member is the caller. A repetition with the
// same ID, at any time, returns the same group and adds missing members. But it does
// not add members who have left.
type CreateGroup struct {
	ID      string  `json:"id,omitempty"`      // id of the request, unique for the caller and hard to guess, see ValidID; empty: each request makes another group
	Name    string  `json:"name,omitempty"`    // has the form of an account's name, or is empty
	Members []int64 `json:"members,omitempty"` // users who become members at once, at most MaxInvited
}

// CreatedGroup has the id of the new group.
type CreatedGroup struct {
	Group   int64   `json:"group"`
	Missing []int64 `json:"missing,omitempty"` // requested members who were not added, for example because they are in MaxGroups groups; they may join
	Invited []int64 `json:"invited,omitempty"` // requested members who must accept an invitation first
}

// JoinGroup makes the caller a member. Every user who knows a group's id may join it,
// unless they were removed. Ids cannot be guessed. Joining again changes nothing.
type JoinGroup struct {
	Group int64 `json:"group"`
}

// JoinedGroup has the group that the caller has joined.
type JoinedGroup struct {
	Group int64 `json:"group"`
}

// LeaveGroup ends the caller's membership. Later entries are neither pushed to the caller
// nor returned by a pull. Leaving again changes nothing.
type LeaveGroup struct {
	Group int64 `json:"group"`
}

// LeftGroup is empty.
type LeftGroup struct{}

// AddMember makes another user a member. The group's owner and admins may call it. Adding
// a member again changes nothing.
type AddMember struct {
	Group int64 `json:"group"`
	User  int64 `json:"user"`
}

// AddedMember says whether the user is a member now, or was only invited.
type AddedMember struct {
	Invited bool `json:"invited,omitempty"` // the user is no member yet, and must accept the invitation first
}

// RemoveMember ends another user's membership. The user cannot join again until an owner
// or admin adds them. The group's owner may call it. An admin may call it for users who
// are neither owner nor admin. Removing a user who is not a member changes nothing.
type RemoveMember struct {
	Group int64 `json:"group"`
	User  int64 `json:"user"`
}

// RemovedMember is empty.
type RemovedMember struct{}

// Group is a group that the caller belongs to.
type Group struct {
	Group   int64  `json:"group"`
	Name    string `json:"name,omitempty"`
	Members int64  `json:"members"` // how many members the group has
	Creator int64  `json:"creator"`
	Owner   int64  `json:"owner"` // the owner, who has no rights while not being a member
	Role    string `json:"role"`  // role of the caller: GroupOwner or one like it
}

// GiveGroupRole gives a member of a group a role. With the role GroupOwner, the member
// becomes the owner, and the caller, who was the owner, becomes an admin. The owner may
// give each role. An admin may give only GroupMember and GroupReadOnly, to users who have
// one of these two. Repeating it changes nothing. The code is NotCreator if the caller's
// role does not allow it, and TooMany if the group has 50 admins.
type GiveGroupRole struct {
	Group int64  `json:"group"`
	User  int64  `json:"user"`
	Role  string `json:"role"`
}

// GaveGroupRole is empty.
type GaveGroupRole struct{}

// GroupsAnswer has the caller's groups by ascending id, without Everyone.
type GroupsAnswer struct {
	Groups []Group `json:"groups"`
}

// GroupMembersAnswer is one page of a group's members, by ascending id. Only members get
// it.
type GroupMembersAnswer struct {
	Users []User `json:"users"`
	Next  int64  `json:"next,omitempty"` // ?after= of the next page; zero: there is none
	Total int64  `json:"total"`
}
