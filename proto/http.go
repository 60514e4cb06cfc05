package proto

import "time"

// RegisterRequest makes an account. A name has 1 to 64 characters, no leading or trailing
// space, and no invisible characters. It is stored in Unicode's normal form C. It must
// not be a number, or look like a reserved name (admin, system, ...) or like a mark.
type RegisterRequest struct {
	Name     string `json:"name"`
	Password string `json:"password,omitempty"` // required in password mode, ignored in open mode
}

// RegisterAnswer has the account. A repeated request with the same name and password
// returns the existing account.
type RegisterAnswer struct {
	User int64  `json:"user"`
	Name string `json:"name"`
}

// LoginRequest logs a device in. A Token or a JWT needs nothing else that proves the user.
// A request without these has a Name or a User, and a Password if the route's mode
// requires one.
type LoginRequest struct {
	User     int64    `json:"user,omitempty"`
	Name     string   `json:"name,omitempty"`
	Password string   `json:"password,omitempty"`
	Token    string   `json:"token,omitempty"`
	JWT      string   `json:"jwt,omitempty"`    // token of the system that knows the users, in the mode jwt; if Name or User is set, too, it must belong to the same account
	Device   string   `json:"device"`           // 1 to 32 of a-z 0-9 - _ .
	Avoid    []string `json:"avoid,omitempty"`  // ids of nodes that the client could not reach, at most 16
	Repeat   string   `json:"repeat,omitempty"` // "replace", "reject", or empty for the route's default
}

// Values of LoginRequest.Repeat, for a device that is already connected.
const (
	RepeatReplace = "replace" // the new connection displaces the old one
	RepeatReject  = "reject"  // the login fails while the old connection is open
)

// LoginAnswer has the node to connect to, and the ticket for it.
type LoginAnswer struct {
	User        int64  `json:"user"`
	Name        string `json:"name"`
	Device      string `json:"device"`
	Number      int64  `json:"number"` // number of the session that the ticket opens
	Node        Node   `json:"node"`
	Ticket      string `json:"ticket"`      // admits the device at that node; valid for two minutes
	Token       string `json:"token"`       // replaces the password at the route; valid for days
	PingSeconds int    `json:"pingSeconds"` // the client must send a ping when it has written nothing for this time

	// A client that knows these tokens uses them instead of Token. After a login with an
	// access token they are missing, and Token is that access token.
	Access        string `json:"access,omitempty"`        // used like Token; valid for minutes
	AccessSeconds int    `json:"accessSeconds,omitempty"` // how long Access is valid
	Refresh       string `json:"refresh,omitempty"`       // gets the next two tokens, see RefreshRequest
}

// RefreshRequest gets a device its next access token and replaces its refresh token.
// Because the answer may be lost, the request may be repeated until the new refresh token
// was used. If the old token is used again after that, somebody has a copy of it. The
// route then ends the session and answers with the code SessionEnded. If the token is not
// valid for another reason, the code is Unauthorized, and the device has to log in.
type RefreshRequest struct {
	Refresh string `json:"refresh"`
}

// RefreshAnswer has the next access token and the next refresh token.
type RefreshAnswer struct {
	Access        string `json:"access"`
	AccessSeconds int    `json:"accessSeconds"` // how long Access is valid
	Refresh       string `json:"refresh"`       // valid for 30 days
}

// Node is a node's address for clients.
type Node struct {
	ID      string `json:"id"`
	Address string `json:"address"` // host:port, TCP and WebSocket
	TLS     bool   `json:"tls,omitempty"`
	Path    string `json:"path,omitempty"` // if set, only a WebSocket at this path connects; empty: TCP, or a WebSocket at PathSocket
}

// LogoutRequest logs out a device, and its connection is closed. When the answer comes,
// the device's tokens and unused tickets are invalid at every route. The request may be
// repeated.
type LogoutRequest struct {
	Device string `json:"device,omitempty"` // empty: the token's device
}

// LogoutAnswer is empty.
type LogoutAnswer struct{}

// SessionsAnswer has the sessions of the caller's devices. Connected ones come first, and
// then those with the latest login. A route keeps at most 32 devices (its flag -devices),
// and the last eight that logged in but never connected.
type SessionsAnswer struct {
	Sessions []DeviceSession `json:"sessions"`
}

// DeviceSession describes the session of one device. From its login on, the device may
// connect and call the route.
type DeviceSession struct {
	Device    string `json:"device"`
	Connected bool   `json:"connected"`
	Since     int64  `json:"since,omitempty"`   // ms since 1970, when the device last connected or disconnected; zero: it never connected
	Login     int64  `json:"login"`             // ms since 1970, of the last login
	Network   string `json:"network,omitempty"` // network from which the device came: the /24 of IPv4, the /48 of IPv6
	Own       bool   `json:"own,omitempty"`     // the session is the caller's own
}

// EndSessions ends sessions. It has one of Device, Others and All. The connections of
// these sessions are closed with the code SessionEnded. When the answer comes, their
// tokens and unused tickets are invalid at every route. The request may be repeated. If a
// device has no session, that is no error.
type EndSessions struct {
	Device string `json:"device,omitempty"`
	Others bool   `json:"others,omitempty"` // all sessions but the caller's
	All    bool   `json:"all,omitempty"`    // all sessions, including the caller's
}

// EndSessionsAnswer is empty.
type EndSessionsAnswer struct{}

// ChangePassword changes the caller's password and ends the sessions of all other
// devices. The request may be repeated, although the old password is then wrong.
type ChangePassword struct {
	Old string `json:"old"`
	New string `json:"new"` // 1 to 256 bytes
}

// ChangePasswordAnswer is empty.
type ChangePasswordAnswer struct{}

// DeleteAccount deletes the caller's account for good. It may be repeated with the same
// token. The route requires the account's password, or a token of the other system that
// knows the users. In open mode it requires neither.
type DeleteAccount struct {
	Password string `json:"password,omitempty"`
	JWT      string `json:"jwt,omitempty"`
}

// DeletedAccount is empty. From now on, nobody can use the account. Its data are removed
// within a minute, and then the name is free.
type DeletedAccount struct{}

// SendMessage sends a text to a user or to a group. It may be repeated with the same
// id, because the route looks up every id that comes over HTTP. The id may be in the header
// HeaderKey instead. PROMISE.md says for how long a repetition is recognised.
type SendMessage struct {
	ID    string `json:"id,omitempty"` // see ValidID
	To    int64  `json:"to,omitempty"`
	Group int64  `json:"group,omitempty"`
	Text  string `json:"text"`

	Confirm bool `json:"confirm,omitempty"` // request a delivery mark; not in a group

	// FirstTry is when the message was sent for the first time, in ms since 1970; zero: not
	// known. If that is so long ago that the route cannot know whether the message is stored,
	// it refuses the message with the code TooOld.
	FirstTry int64 `json:"firstTry,omitempty"`
}

// SendReceipt confirms that the message is stored in all its logs.
type SendReceipt struct {
	ID   string   `json:"id"`
	Time int64    `json:"time"`           // ms since 1970
	At   Position `json:"at"`             // position of the sender's own copy, or of the group's entry
	Prev string   `json:"prev,omitempty"` // key of the entry before it
}

// ScheduleMessage sends a message later, at a time or after a delay, by the store's
// clock. A repetition with the same id schedules nothing. Its answer has the state of
// the message that was scheduled first. That state is kept until a day after the
// message was sent, dropped or cancelled.
type ScheduleMessage struct {
	ID    string `json:"id,omitempty"` // see ValidID; also the id of the message when it is sent. As in SendMessage
	To    int64  `json:"to,omitempty"`
	Group int64  `json:"group,omitempty"`
	Text  string `json:"text"`
	At    int64  `json:"at,omitempty"`    // ms since 1970; at most MaxAhead from now; a time within the past 24 hours means now
	After int64  `json:"after,omitempty"` // ms from now, instead of At

	Confirm  bool  `json:"confirm,omitempty"`  // as in SendMessage
	FirstTry int64 `json:"firstTry,omitempty"` // as in SendMessage
}

const (
	// MaxAhead is how long a message may be delayed. A year is enough for yearly
	// messages. A longer delay is probably a number in the wrong unit.
	MaxAhead = 366 * 24 * time.Hour
	// MaxScheduled is how many messages a user may have pending.
	MaxScheduled = 1000
)

// States of a delayed message.
const (
	StatePending   = "pending"   // it can be cancelled
	StateFiring    = "firing"    // it is being sent
	StateSent      = "sent"      // it is stored in its logs
	StateDropped   = "dropped"   // it could not be sent when it was due; Code has the reason
	StateCancelled = "cancelled" // its sender cancelled it
)

// Scheduled is the state of a delayed message.
type Scheduled struct {
	ID    string `json:"id"`
	State string `json:"state"`
	Due   int64  `json:"due"`            // when the message is due, in ms since 1970; after it was sent, dropped or cancelled, the time of that
	Code  Code   `json:"code,omitempty"` // why it was dropped
	To    int64  `json:"to,omitempty"`   // the receiver, only while it is pending or firing
	Group int64  `json:"group,omitempty"`
	Text  string `json:"text,omitempty"`
}

// ScheduledAnswer is one page of a user's pending messages, the earliest due first. The
// first page also has the messages that were dropped within the last day, latest first.
type ScheduledAnswer struct {
	Messages []Scheduled `json:"messages"`
	Next     string      `json:"next,omitempty"` // ?after= of the next page; empty: there is none
	Dropped  []Scheduled `json:"dropped,omitempty"`
}

// CancelMessage cancels a delayed message.
type CancelMessage struct {
	ID string `json:"id"`
}

// CancelAnswer is empty. The message will not be sent.
type CancelAnswer struct{}

// PullMessages reads a log after a position.
type PullMessages struct {
	After Position `json:"after"` // names the log, too; number zero: from the oldest entry
	Limit int      `json:"limit"` // at most MaxPull; zero: MaxPull
}

// MaxPull is the largest number of messages in an answer.
const MaxPull = 500

// PulledMessages has the messages after a position, oldest first.
type PulledMessages struct {
	Epoch    Epoch     `json:"epoch"`
	Oldest   int64     `json:"oldest"` // number of the oldest entry in the log; earlier ones were trimmed
	Newest   Position  `json:"newest"`
	Messages []Message `json:"messages"`
	Through  Position  `json:"through"` // position of the last entry that was read, even if that entry is never shown
}

// AckPositions moves the cursors of the token's device forward.
type AckPositions struct {
	Number  int64      `json:"number"` // the session's number
	Cursors []Position `json:"cursors"`
	Shown   []string   `json:"shown,omitempty"` // keys of messages with Confirm, at most MaxShown
}

// MaxShown is the largest number of keys in an acknowledgement. Further keys are ignored,
// and their senders get no delivery mark.
const MaxShown = 100

// AckAnswer is empty.
type AckAnswer struct{}

// DeliveredAnswer reports whether a message of the caller was shown to its receiver.
type DeliveredAnswer struct {
	Found     bool `json:"found"`     // the message is among the latest 1,000 entries of the receiver's log
	Delivered bool `json:"delivered"` // the message was found, and a device of the receiver has acknowledged it or a later entry
}

// User is an account, for other users.
type User struct {
	User int64  `json:"user"`
	Name string `json:"name"`
	Role string `json:"role,omitempty"` // only in a list of a group's members: GroupOwner or one like it
}

// OnlineAnswer is one page of the connected users, by ascending id.
type OnlineAnswer struct {
	Users []User `json:"users"`
	Next  int64  `json:"next,omitempty"` // ?after= of the next page; zero: there is none
	Total int64  `json:"total"`          // how many users are connected, summed over the nodes
}

// The roles in the system.
const (
	RoleUser      = "user"
	RoleModerator = "moderator" // may write to everyone and list the users who are online, even if other users may not
	RoleOperator  = "operator"  // may also give roles
)

// GiveRole gives a user a role in the system. Only operators may call it. Repeating it
// changes nothing.
type GiveRole struct {
	User int64  `json:"user"`
	Role string `json:"role"` // RoleUser or one like it
}

// GaveRole is empty.
type GaveRole struct{}

// RoleAnswer has the caller's role in the system.
type RoleAnswer struct {
	Role     string `json:"role"`
	Everyone bool   `json:"everyone"` // the caller may write to everyone and list the users who are online
}

// MaxMove is the largest number of sessions in a MoveRequest.
const MaxMove = 1000

// DrainStatus is the progress of a node that drains.
type DrainStatus struct {
	Draining bool   `json:"draining"`
	Held     int    `json:"held"`              // open connections
	Moved    int64  `json:"moved"`             // clients that followed a redirect
	Closed   int64  `json:"closed"`            // CIM connections that were closed; their clients reconnect by themselves
	Waiting  string `json:"waiting,omitempty"` // why no client is redirected at the moment
}

// KeysAnswer has the public keys that verify tickets. There is one key, or two while the
// route key is rotated.
type KeysAnswer struct {
	Tickets [][]byte `json:"tickets"` // Ed25519, base64 in JSON
}

// ErrorAnswer is the body of every answer other than 2xx.
type ErrorAnswer struct {
	Code    Code   `json:"code"`
	Name    string `json:"name"`
	Message string `json:"message"`
}
