package proto

import "time"

// RegisterRequest makes an account. A name is 1 to 64 characters, neither
// leading nor trailing space, no control characters.
type RegisterRequest struct {
	Name     string `json:"name"`
	Password string `json:"password,omitempty"` // needed in password mode, ignored in open mode
}

// RegisterAnswer names the account. Registering a name again, with the same
// password where there is one, answers with the account that exists.
type RegisterAnswer struct {
	User int64  `json:"user"`
	Name string `json:"name"`
}

// LoginRequest asks for a node. Either Token, or Name or User with the Password
// where the mode needs one.
type LoginRequest struct {
	User     int64    `json:"user,omitempty"`
	Name     string   `json:"name,omitempty"`
	Password string   `json:"password,omitempty"`
	Token    string   `json:"token,omitempty"`
	Device   string   `json:"device"`           // 1 to 32 of a-z 0-9 - _ .
	Avoid    []string `json:"avoid,omitempty"`  // ids of nodes the client just failed to reach, at most 16
	Repeat   string   `json:"repeat,omitempty"` // "replace", "reject", or empty for the route's default
}

// Repeat logins: what happens to a device that is connected already.
const (
	RepeatReplace = "replace" // the new connection displaces the old one
	RepeatReject  = "reject"  // the login fails while the old one is there
)

// LoginAnswer is where to connect and with what.
type LoginAnswer struct {
	User        int64  `json:"user"`
	Name        string `json:"name"`
	Device      string `json:"device"`
	Number      int64  `json:"number"` // of the session this ticket opens
	Node        Node   `json:"node"`
	Ticket      string `json:"ticket"`      // for that node, for two minutes
	Token       string `json:"token"`       // for the route, for days; spares the password
	PingSeconds int    `json:"pingSeconds"` // ping when nothing was written for so long
}

// Node is a node as a client reaches it.
type Node struct {
	ID      string `json:"id"`
	Address string `json:"address"` // host:port, TCP and WebSocket
	TLS     bool   `json:"tls,omitempty"`
}

// LogoutRequest logs a device out: its connection ends, and its tokens and unused tickets
// are void for every route when the answer is there. Repeating it is fine.
type LogoutRequest struct {
	Device string `json:"device,omitempty"` // empty: the token's own
}

// LogoutAnswer is empty.
type LogoutAnswer struct{}

// SendMessage sends a text to a user or to a group. Any request over HTTP may be
// a repetition, so all are looked up by id first.
type SendMessage struct {
	ID    string `json:"id"` // see ValidID
	To    int64  `json:"to,omitempty"`
	Group int64  `json:"group,omitempty"`
	Text  string `json:"text"`

	Confirm bool `json:"confirm,omitempty"` // tell the sender's connected devices when it was shown; not in a group
}

// SendReceipt says that the message is stored in every log it belongs to.
type SendReceipt struct {
	ID   string   `json:"id"`
	Time int64    `json:"time"`           // ms since 1970
	At   Position `json:"at"`             // the sender's own copy, or the group's entry
	Prev string   `json:"prev,omitempty"` // key of the entry before it
}

// ScheduleMessage has a message sent later, at a time or after a while, by the
// store's clock. Asking again with the same id schedules nothing more and is
// answered with how the first one stands; so is it for a day after that one was
// sent, dropped or cancelled.
type ScheduleMessage struct {
	ID    string `json:"id"` // see ValidID; that of the message, too, when it is sent
	To    int64  `json:"to,omitempty"`
	Group int64  `json:"group,omitempty"`
	Text  string `json:"text"`
	At    int64  `json:"at,omitempty"`    // ms since 1970; at most MaxAhead from now; in the past: now, if within a day
	After int64  `json:"after,omitempty"` // ms from now, instead of At

	Confirm bool `json:"confirm,omitempty"` // as SendMessage's
}

const (
	// MaxAhead is how long a message may be delayed: a year, for what comes round
	// every year. A time beyond it is more likely in another unit than meant.
	MaxAhead = 366 * 24 * time.Hour
	// MaxScheduled is how many messages a user may have pending.
	MaxScheduled = 1000
)

// States of a delayed message.
const (
	StatePending   = "pending"   // it can be cancelled
	StateFiring    = "firing"    // it is being sent
	StateSent      = "sent"      // it stands in its logs
	StateDropped   = "dropped"   // it could not be sent when it was due; the code says why
	StateCancelled = "cancelled" // its sender took it back
)

// Scheduled is how a delayed message stands.
type Scheduled struct {
	ID    string `json:"id"`
	State string `json:"state"`
	Due   int64  `json:"due"`            // ms since 1970; of one that has ended: when it did
	Code  Code   `json:"code,omitempty"` // why it was dropped
	To    int64  `json:"to,omitempty"`   // as scheduled; not told of one that has ended
	Group int64  `json:"group,omitempty"`
	Text  string `json:"text,omitempty"`
}

// ScheduledAnswer is one page of what a user has pending, the earliest due first.
// The first page also has what was dropped within the last day, latest first.
type ScheduledAnswer struct {
	Messages []Scheduled `json:"messages"`
	Next     string      `json:"next,omitempty"` // ask for the page after it; empty: there is none
	Dropped  []Scheduled `json:"dropped,omitempty"`
}

// CancelMessage takes a delayed message back.
type CancelMessage struct {
	ID string `json:"id"`
}

// CancelAnswer is empty: the message will not be sent.
type CancelAnswer struct{}

// PullMessages reads a log after a position.
type PullMessages struct {
	After Position `json:"after"` // its Log says which; number zero means from the oldest
	Limit int      `json:"limit"` // at most MaxPull; zero means that
}

// MaxPull is the most messages one pull answers with.
const MaxPull = 500

// PulledMessages are the messages after a position, oldest first.
type PulledMessages struct {
	Epoch    Epoch     `json:"epoch"`
	Oldest   int64     `json:"oldest"` // number of the oldest entry kept; what is before it was trimmed
	Newest   Position  `json:"newest"`
	Messages []Message `json:"messages"`
	Through  Position  `json:"through"` // the last entry looked at: entries that are never shown count too
}

// AckPositions moves the cursors of the token's device forward.
type AckPositions struct {
	Number  int64      `json:"number"` // the session's
	Cursors []Position `json:"cursors"`
	Shown   []string   `json:"shown,omitempty"` // keys of messages whose senders want to know, at most MaxShown
}

// MaxShown is the most keys of one acknowledgement. What is more is passed over:
// those senders are told nothing.
const MaxShown = 100

// AckAnswer is empty.
type AckAnswer struct{}

// DeliveredAnswer says whether a message of the caller was shown to its receiver.
type DeliveredAnswer struct {
	Found     bool `json:"found"`     // it is among the latest 1,000 entries of his log
	Delivered bool `json:"delivered"` // it was found, and a device of his acknowledged it or what came behind it
}

// User is an account as others see it.
type User struct {
	User int64  `json:"user"`
	Name string `json:"name"`
}

// OnlineAnswer is one page of who is connected, by ascending id.
type OnlineAnswer struct {
	Users []User `json:"users"`
	Next  int64  `json:"next,omitempty"` // ask for the page after this id; zero: there is none
	Total int64  `json:"total"`          // users connected, counted from the nodes' own numbers
}

// MaxMove is the most sessions of one MoveRequest.
const MaxMove = 1000

// DrainStatus is how far a node has come that leaves on purpose.
type DrainStatus struct {
	Draining bool   `json:"draining"`
	Held     int    `json:"held"`              // connections that are still here
	Moved    int64  `json:"moved"`             // clients that went where the node sent them
	Closed   int64  `json:"closed"`            // CIM connections that were closed: they come back by themselves
	Waiting  string `json:"waiting,omitempty"` // why nobody is sent away at the moment
}

// Limits of groups.
const (
	MaxGroups  = 250 // groups of one user, beside everyone
	MaxInvited = 500 // members that a group may be created with, beside its creator
)

// CreateGroup makes a group whose first member is the caller. Repeating it with the
// same ID, however late, answers with the same group and completes what is missing;
// who was in it and left is not brought back.
type CreateGroup struct {
	ID      string  `json:"id,omitempty"`      // of the request, unique for the caller and hard to guess, see ValidID; empty: every request makes a group
	Name    string  `json:"name,omitempty"`    // as an account's, or empty
	Members []int64 `json:"members,omitempty"` // users who become members at once, at most MaxInvited
}

// CreatedGroup names the new group.
type CreatedGroup struct {
	Group   int64   `json:"group"`
	Missing []int64 `json:"missing,omitempty"` // of the members asked for, those that have MaxGroups already or could not be reached: they may join
}

// JoinGroup makes the caller a member. Everybody who knows a group's id may join
// it, unless he was removed; joining again changes nothing. An id cannot be guessed.
type JoinGroup struct {
	Group int64 `json:"group"`
}

// JoinedGroup is the group that the caller belongs to now.
type JoinedGroup struct {
	Group int64 `json:"group"`
}

// LeaveGroup ends the caller's membership: what is written after it he can neither
// be pushed nor pull. Leaving again changes nothing.
type LeaveGroup struct {
	Group int64 `json:"group"`
}

// LeftGroup is empty.
type LeftGroup struct{}

// AddMember makes another user a member. Only who made the group may; adding again
// changes nothing.
type AddMember struct {
	Group int64 `json:"group"`
	User  int64 `json:"user"`
}

// AddedMember is empty.
type AddedMember struct{}

// RemoveMember ends another user's membership as if he had left, and keeps him from
// joining until he is added again. Only who made the group may; removing again, or
// somebody who never was a member, changes nothing.
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
	Members int64  `json:"members"` // how many
	Creator int64  `json:"creator"` // who made it
}

// GroupsAnswer has the caller's groups by ascending id, without everyone.
type GroupsAnswer struct {
	Groups []Group `json:"groups"`
}

// GroupMembersAnswer is one page of a group's members, by ascending id. Only
// members may ask.
type GroupMembersAnswer struct {
	Users []User `json:"users"`
	Next  int64  `json:"next,omitempty"` // ask for the page after this id; zero: there is none
	Total int64  `json:"total"`
}

// KeysAnswer has the public keys that tickets verify with: one, or two while the
// route key is being changed.
type KeysAnswer struct {
	Tickets [][]byte `json:"tickets"` // Ed25519, base64 in JSON
}

// ErrorAnswer is the body of every answer that is not 2xx.
type ErrorAnswer struct {
	Code    Code   `json:"code"`
	Name    string `json:"name"`
	Message string `json:"message"`
}
