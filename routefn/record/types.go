package record

import (
	"errors"
	"time"

	"github.com/cim-go/cim/proto"
)

var (
	// ErrUnavailable is returned when the store did not answer and certainly wrote
	// nothing. The caller may simply try again.
	ErrUnavailable = errors.New("store is not available")
	// ErrUnfit is in the error of Dial when the store answers but its configuration is
	// wrong, such as the user's rights, the password or the eviction policy. Waiting
	// does not help.
	ErrUnfit = errors.New("store is not fit")
	// ErrUnknown is returned when a write was sent and no answer came. The write may
	// have happened or not. The next try must search for its result first.
	ErrUnknown = errors.New("outcome of the write is unknown")
	// ErrNoUser is returned for a user without an account.
	ErrNoUser = errors.New("no such user")
	// ErrNoGroup is returned for a group that does not exist.
	ErrNoGroup = errors.New("no such group")
	// ErrNotMember is returned to a user who does not belong to the group.
	ErrNotMember = errors.New("not a member of the group")
	// ErrNotCreator is returned to a user who changes the membership of another one
	// and did not make the group.
	ErrNotCreator = errors.New("not the creator of the group")
	// ErrRemoved is returned to a user who tries to join a group after its creator
	// removed them from it.
	ErrRemoved = errors.New("removed from the group")
	// ErrTooManyGroups is returned to a user who has proto.MaxGroups already.
	ErrTooManyGroups = errors.New("user has too many groups")
	// ErrNameTaken is returned by Adopt when the id or the name belongs to another
	// account. Register does not return it, because its caller compares credentials.
	ErrNameTaken = errors.New("name is taken")
	// ErrChanged is returned by SetCredential for an account that was changed since it was
	// read.
	ErrChanged = errors.New("account was changed meanwhile")
	// ErrInvalid is returned for what cannot be stored as it is: an id that is no
	// id, a text that is not UTF-8, a name with control characters.
	ErrInvalid = errors.New("argument is not valid")
	// ErrIDReused is returned for a message whose id its sender has used for another
	// one, with another receiver or another text. The earlier message stays.
	ErrIDReused = errors.New("id was used for another message")
	// ErrSuperseded is returned for a session number that is not above the
	// device's live and closed ones.
	ErrSuperseded = errors.New("session number is superseded")
	// ErrExpired is returned for a session number that was issued too long ago, by the
	// store's clock, to be opened now.
	ErrExpired = errors.New("session number has expired")
	// ErrVoid is returned for a Pass that is void, because its device has logged out
	// since, or because it has expired by the store's clock.
	ErrVoid = errors.New("token is void")
	// ErrDisplacesOther is returned by Open when a connection is live that the new
	// one may not displace.
	ErrDisplacesOther = errors.New("another connection is live")
	// ErrTooMany is returned by Schedule for a user who has as many delayed messages
	// pending as allowed.
	ErrTooMany = errors.New("too many messages are pending")
	// ErrTooLate is returned by Cancel for a message that is being sent or was.
	ErrTooLate = errors.New("message is being sent")
	// ErrNotScheduled is returned by Cancel for an id that is not known.
	ErrNotScheduled = errors.New("no such delayed message")
	// ErrHeld is returned by Take while another holder has the lease of the shard.
	ErrHeld = errors.New("shard is held by another")
	// ErrDiverged is returned by Pull when the position is not in the log.
	ErrDiverged = errors.New("position is not in this log")
)

// Account is a user of the system.
type Account struct {
	User       int64
	Name       string
	Credential string // how the route checks the password; empty in open mode
}

// Session is the live connection of one device: the login and route record.
type Session struct {
	Device string
	Number int64  // the fencing token
	Node   string // member id
	Boot   uint64
	Addr   string // host:port of the node's internal HTTP
}

// Pass has the values of a device's token that the store judges.
type Pass struct {
	User    int64
	Device  string
	Number  int64 // of the login that it came with; zero: of a token from before it had one
	Expires int64 // ms since 1970, by the store's clock
}

// Issuing is a device that requests a number.
type Issuing struct {
	User   int64
	Device string
	Pass   *Pass  // of the same user and device, judged in the same step; nil: none is shown
	Shown  *Tried // the right password, settled in the same round trip; nil: none, or it is settled
	Login  *Login // that the number is for, to be listed by Logins; nil: a connection that moves
}

// Login is where a login came from.
type Login struct {
	Network string // see sourceip.Network; may be empty
}

// DeviceSession is what a user sees of a device that is logged in.
type DeviceSession struct {
	Device    string
	Connected bool
	Since     int64  // ms since 1970: connected, or disconnected; zero: never connected
	Number    int64  // of the last login: the store's clock then, in ms, or above it
	Network   string // that it came from; empty: not known
}

// Revoking says whose sessions end.
type Revoking struct {
	Device string // empty: those of all devices
	Spared string // of all devices, the one whose session stays; empty: none
}

// Issued is the result of IssueNumber.
type Issued struct {
	Number   int64
	Live     *Session // of the same device; nil: none
	LastNode string   // where the user's last session opened; empty: never
}

// Opening makes a number live.
type Opening struct {
	User      int64
	Number    int64 // zero: take one (a CIM connection)
	Displaces int64 // the number up to which it may displace; -1 any; 0 none
	Session         // Device, Node, Boot and Addr; its Number is not read

	// Within is how long after its issue a number may be opened, by the store's
	// clock. Zero means without limit. That is for connections that were open before.
	Within time.Duration

	// Start is the first cursor of a device in a group in which it has none. If Start
	// is zero, it gets no cursor. A new device is not shown earlier messages. If the
	// store lost the inbox lately, a device that was there before begins at the group's
	// first entry, because all of it may have come since.
	Start proto.Position
}

// Opened is the answer to one Opening. Err is nil, ErrSuperseded, ErrExpired,
// ErrDisplacesOther, ErrNoUser, ErrInvalid, ErrUnavailable or ErrUnknown, after
// which repeating it is harmless.
type Opened struct {
	Err       error
	Number    int64
	Displaced *Session         // which one was live, or with an error is; nil: none, or this one
	Newest    proto.Position   // end of the user's inbox
	Cursors   []proto.Position // how far this device acknowledged, a position a log
	Groups    []int64          // the user's own list; the groups decide, see EnterNode
	Version   int64            // of that list
	Ended     []Session        // live ones of devices that had to be forgotten for this one
	Finished  []Changed        // joinings and leavings that were left unfinished
	Received  *Received        // by an earlier connection whose end was not reported; nil: nothing
}

// Received has the positions that a device's TCP acknowledged, but that the device may
// not have read. They count as read if the node of the session died before it reported
// how the connection ended, see Acking.
type Received struct {
	Session Session
	Through []proto.Position // a position a log
}

// Closing closes a number for good.
type Closing struct {
	User   int64
	Device string
	Number int64
	Lost   bool // its node died with it, and the received positions stay for the next opening
}

// Acking moves cursors forward.
type Acking struct {
	User    int64
	Device  string
	Number  int64 // fences: ignored unless it is the device's live one or above the closed ones
	Cursors []proto.Position
	Ended   bool // the positions that the connection had read when it ended are known, so its number may be closed

	// Received has the positions beyond the cursors that the device's TCP acknowledged.
	// They are kept until the session is closed or has Ended, and only for the live
	// session.
	Received []proto.Position
}

// Message is what Append stores.
type Message struct {
	From     int64
	FromName string
	ID       string
	To       int64 // receiving user, or
	Group    int64 // receiving group
	Text     string
	Time     int64 // ms since 1970, for messages from Take; others get the store's time instead
	Sent     int64 // ms by the store's clock, when it was handed on to be stored; zero: not known. See firstTryLife
	Again    bool  // may have been stored before: look for (From, ID) first
	Confirm  bool  // the sender wants to know when it was shown

	taken bool // to be fired, at Time by the store's clock
}

// Appended is the answer to one Message. Err is nil if it is stored in all its logs.
// With ErrUnavailable it is in no log, and with ErrUnknown it may be in some. The other
// errors are ErrNoUser, ErrNoGroup, ErrNotMember, ErrIDReused and ErrInvalid.
type Appended struct {
	Err      error
	Time     int64  // of the entry that stands in the log, which an earlier try may have written
	Repeated bool   // an earlier try wrote it, in one log at least
	Copies   []Copy // receiver's first, then the sender's own; a group's message has one
}

// Own returns the copy whose position the sender gets: the last one.
func (a *Appended) Own() *Copy { return &a.Copies[len(a.Copies)-1] }

// Copy is the message in one log, and where it is pushed to.
type Copy struct {
	User     int64 // whose inbox; zero for a group's log
	Stored   *proto.Stored
	Sessions []Session // inbox: the live sessions of the user; shared, read only
	Nodes    []Lease   // group: nodes that hold members; shared, read only
}

// Lease records that a node has members of a group.
type Lease struct {
	Node string
	Boot uint64
	Addr string
}

// NewGroup is a request for a new group.
type NewGroup struct {
	Creator int64
	ID      string // of the request: the same one of the same creator gets the same group; see proto.ValidID
	Name    string // may be empty
}

// Change is a request that a user joins a group, or leaves it.
type Change struct {
	User  int64
	Name  string // of the user
	Group int64
	Leave bool
	By    int64 // the caller: the user (or zero), or the group's creator
	Once  bool  // the user joins only if they never did, so a repetition brings no user back who left
}

// Changed is the answer to one Change. Err is nil, ErrNoUser, ErrNoGroup,
// ErrNotCreator, ErrRemoved, ErrInvalid, ErrTooManyGroups, ErrUnavailable or
// ErrUnknown, after which repeating it is harmless and finishes what was begun.
type Changed struct {
	Err      error
	User     int64
	Group    int64
	Member   bool      // the user belongs now
	Copy     *Copy     // the entry that this call appended, even if Err is set; nil: none
	Sessions []Session // the user's live sessions, which must learn of the new list, if it has changed; read only
	Version  int64     // of the list; zero with an error
	Earlier  *Changed  // an unfinished change that was carried out before; nil: none
}

// Entering is a request to enter a node for a group.
type Entering struct {
	Group int64
	Users []int64        // at the node; for everyone: none
	Known proto.Position // where the node, which holds a lease, has the log end; zero: it holds none
}

// Entered is the answer to one Entering. Err is nil, ErrNoGroup, ErrNotMember if none
// of the users is a member, ErrInvalid, ErrUnavailable or ErrUnknown. If it is not
// nil, the node was not entered.
type Entered struct {
	Err    error
	Newest proto.Position
	Joined []int64 // for each user the number of the entry of the joining; zero: no member
	Held   bool    // Newest is the node's own position, because it was not entered again and need not be
}

// Members is one page of a group's members.
type Members struct {
	Users []Account // by ascending id; without credentials
	Total int64
}

// Group is a group that a user belongs to.
type Group struct {
	Group   int64
	Name    string
	Members int64
	Creator int64
}

// Pulled is a piece of a log.
type Pulled struct {
	Epoch   proto.Epoch
	Oldest  int64 // number of the oldest entry kept
	Newest  proto.Position
	Entries []*proto.Stored // without genesis entries
	Through proto.Position  // last entry looked at
}

// Held is a connection that a node reports that it has.
type Held struct {
	User   int64
	Device string
	Number int64
	Newest proto.Position // highest inbox position the node knows; zero: none

	Version int64 // of the user's list of groups, as the node has it
}

// Difference is a difference between a node's connection and the store.
type Difference struct {
	Held    Held
	Verdict proto.Verdict
	Newest  proto.Position // with BEHIND

	Ended     bool // with DISPLACED: the device was logged out, or its session was ended
	Forgotten bool // with DISPLACED: other devices of the user took this one's place
	Passed    bool // with DISPLACED: a later one is live and never displaced this one, which a failover forgot
}

// Retention bounds a log. The newest entry always stays, without its text if it is
// too old.
type Retention struct {
	Count int   // entries kept at most; zero: 10,000
	Age   int64 // ms an entry is kept at most; zero: 14 days
}

// Scheduling is a message to be sent later. Its Time and Again are ignored.
type Scheduling struct {
	Message
	At    int64 // ms since 1970 when it is due, or
	After int64 // ms from now
}

// Scheduled is the state of a delayed message.
type Scheduled struct {
	State string     // proto.StatePending and its like
	Due   int64      // ms by the store's clock: when it is due, or when it ended
	Code  proto.Code // with StateDropped: why

	Wait time.Duration // of one that has not ended: until it is due, by the store's clock; negative: it is
}

// ScheduledAt is a place in the list of a user's pending messages.
type ScheduledAt struct {
	Due int64
	ID  string
}

// Delayed is a message that waits. Its Time is the time at which it was first taken to
// be fired, in ms by the store's clock, or zero before that.
type Delayed struct {
	Message
	Due   int64 // ms by the store's clock
	State string
	Late  time.Duration // of one that was taken: how long it was due by then

	key string // as the store has it
}

// Finishing is the result of a message that was taken.
type Finishing struct {
	Delayed
	Code proto.Code // OK: it is in its logs
}

// Outcome has the reason why a delayed message was not sent.
type Outcome struct {
	ID   string
	Time int64 // ms since 1970, to the second
	Code proto.Code
}
