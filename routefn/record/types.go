package record

import (
	"errors"
	"time"

	"github.com/cim-go/cim/proto"
)

var (
	// ErrUnavailable is returned when the store did not answer and nothing was
	// written for certain: the caller may simply try again.
	ErrUnavailable = errors.New("store is not available")
	// ErrUnfit is in the error of Dial when the store answers and cannot be used as it
	// is set up: what its user may do, its password, its eviction policy. To wait does
	// not help.
	ErrUnfit = errors.New("store is not fit")
	// ErrUnknown is returned when a write was sent and no answer came: it may or
	// may not have happened. Trying again needs the path that looks first.
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
	// ErrRemoved is returned to a user who would join a group from which its creator
	// removed him.
	ErrRemoved = errors.New("removed from the group")
	// ErrTooManyGroups is returned to a user who has proto.MaxGroups already.
	ErrTooManyGroups = errors.New("user has too many groups")
	// ErrNameTaken says that a name belongs to an account made with another
	// credential. The Store compares none: it is for the caller of Register.
	ErrNameTaken = errors.New("name is taken")
	// ErrInvalid is returned for what cannot be stored as it is: an id that is no
	// id, a text that is not UTF-8, a name with control characters.
	ErrInvalid = errors.New("argument is not valid")
	// ErrIDReused is returned for a message whose id its sender has used for another
	// one: to somebody else, or with another text. That one stands.
	ErrIDReused = errors.New("id was used for another message")
	// ErrSuperseded is returned for a session number that is not above the
	// device's live and closed ones.
	ErrSuperseded = errors.New("session number is superseded")
	// ErrExpired is returned for a session number that was issued too long ago, by the
	// store's clock, to be opened now.
	ErrExpired = errors.New("session number has expired")
	// ErrVoid is returned for a Pass that does not count any more: its device has
	// logged out since, or it has expired by the store's clock.
	ErrVoid = errors.New("token is void")
	// ErrDisplacesOther is returned by Open when a connection is live that the new
	// one may not displace.
	ErrDisplacesOther = errors.New("another connection is live")
	// ErrTooMany is returned by Schedule for a user who has as many delayed messages
	// pending as he may.
	ErrTooMany = errors.New("too many messages are pending")
	// ErrTooLate is returned by Cancel for a message that is being sent or was.
	ErrTooLate = errors.New("message is being sent")
	// ErrNotScheduled is returned by Cancel for an id that is not known.
	ErrNotScheduled = errors.New("no such delayed message")
	// ErrHeld is returned by Take while somebody else fires the shard.
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

// Issuing is a device that asks for a number.
type Issuing struct {
	User   int64
	Device string
	Pass   *Pass // of the same user and device, judged in the same step; nil: none is shown
}

// Issued is what IssueNumber answers.
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

	// Within is how long after its issue the number may be opened, by the store's
	// clock; zero: for ever, as that of a connection which was open before.
	Within time.Duration
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
	Groups    []int64          // what the user's own list says; the groups know better, see EnterNode
	Version   int64            // of that list
	Ended     []Session        // live ones of devices that had to be forgotten for this one
	Finished  []Changed        // joinings and leavings that somebody had left unfinished
}

// Closing closes a number for good.
type Closing struct {
	User   int64
	Device string
	Number int64
}

// Acking moves cursors forward.
type Acking struct {
	User    int64
	Device  string
	Number  int64 // fences: ignored unless it is the device's live one or above the closed ones
	Cursors []proto.Position
}

// Message is what Append stores.
type Message struct {
	From     int64
	FromName string
	ID       string
	To       int64 // receiving user, or
	Group    int64 // receiving group
	Text     string
	Time     int64 // ms since 1970, of what Take returned; others get the store's time, whatever theirs is
	Sent     int64 // ms by the store's clock, when it was handed on to be stored; zero: not known. See firstTryLife
	Again    bool  // may have been stored before: look for (From, ID) first
	Confirm  bool  // the sender wants to know when it was shown

	taken bool // to be fired, at Time by the store's clock
}

// Appended is the answer to one Message. Err is nil (stored in every log it
// belongs to), ErrNoUser, ErrNoGroup, ErrNotMember, ErrIDReused, ErrInvalid, ErrUnavailable
// (it is in no log) or ErrUnknown (it may be in some).
type Appended struct {
	Err      error
	Time     int64  // of the entry that stands in the log, which an earlier try may have written
	Repeated bool   // an earlier try wrote it, in one log at least
	Copies   []Copy // receiver's first, then the sender's own; a group's message has one
}

// Own returns the copy that the sender counts as received: the last one.
func (a *Appended) Own() *Copy { return &a.Copies[len(a.Copies)-1] }

// Copy is the message in one log, and whom to push it to.
type Copy struct {
	User     int64 // whose inbox; zero for a group's log
	Stored   *proto.Stored
	Sessions []Session // inbox: the live sessions of the user; shared, read only
	Nodes    []Lease   // group: nodes that hold members; shared, read only
}

// Lease says that a node holds members of a group.
type Lease struct {
	Node string
	Boot uint64
	Addr string
}

// NewGroup asks for a group.
type NewGroup struct {
	Creator int64
	ID      string // of the request: the same one of the same creator gets the same group; see proto.ValidID
	Name    string // may be empty
}

// Change asks for a user to join a group, or to leave it.
type Change struct {
	User  int64
	Name  string // of the user
	Group int64
	Leave bool
	By    int64 // who asks: the user himself, which zero stands for, or the group's creator
	Once  bool  // he joins only if he never did: repeating it brings nobody back who left
}

// Changed is the answer to one Change. Err is nil, ErrNoUser, ErrNoGroup,
// ErrNotCreator, ErrRemoved, ErrInvalid, ErrTooManyGroups, ErrUnavailable or
// ErrUnknown, after which repeating it is harmless and finishes what was begun.
type Changed struct {
	Err      error
	User     int64
	Group    int64
	Member   bool      // he belongs now
	Copy     *Copy     // the entry that this call appended, even if Err is set; nil: none
	Sessions []Session // that must hear of it: the user's live ones, if his list is another now; read only
	Version  int64     // of the list; zero with an error
	Earlier  *Changed  // what somebody had left unfinished and went before; nil: nothing
}

// Entering asks to enter a node for a group.
type Entering struct {
	Group int64
	Users []int64        // at the node; for everyone: none
	Known proto.Position // where the node, which holds a lease, has the log end; zero: it holds none
}

// Entered is the answer to one Entering. Err is nil, ErrNoGroup, ErrNotMember if
// none of the users belongs, ErrInvalid, ErrUnavailable or ErrUnknown; without nil
// the node was not entered.
type Entered struct {
	Err    error
	Newest proto.Position
	Joined []int64 // for each user the number of the entry by which he joined; zero: he does not belong
	Held   bool    // Newest is what the node knows: it was not entered again, and need not be
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

// Held is a connection that a node says it holds.
type Held struct {
	User   int64
	Device string
	Number int64
	Newest proto.Position // highest inbox position the node knows; zero: none

	Version int64 // of the user's list of groups, as the node was told it
}

// Difference is what a node must learn about a connection it holds.
type Difference struct {
	Held    Held
	Verdict proto.Verdict
	Newest  proto.Position // with BEHIND

	Forgotten bool // with DISPLACED: other devices of the user took this one's place
	Passed    bool // with DISPLACED: a later one is live and never displaced this one, which a failover forgot
}

// Retention bounds a log. The newest entry always stays, without its text if it is
// too old.
type Retention struct {
	Count int   // entries kept at most; zero: 10,000
	Age   int64 // ms an entry is kept at most; zero: 14 days
}

// Scheduling is a message to be sent later. Its Time and Again are not read.
type Scheduling struct {
	Message
	At    int64 // ms since 1970 when it is due, or
	After int64 // ms from now
}

// Scheduled is how a delayed message stands.
type Scheduled struct {
	State string     // proto.StatePending and its like
	Due   int64      // ms by the store's clock: when it is due, or when it ended
	Code  proto.Code // with StateDropped: why

	Wait time.Duration // of one that has not ended: until it is due, by the store's clock; negative: it is
}

// ScheduledAt is a place in the list of what a user has pending.
type ScheduledAt struct {
	Due int64
	ID  string
}

// Delayed is a message that waits. Its Time is when it was first taken to be
// fired, ms by the store's clock; zero before.
type Delayed struct {
	Message
	Due   int64 // ms by the store's clock
	State string
	Late  time.Duration // of one that was taken: how long it was due by then

	key string // as the store has it
}

// Finishing is what became of a message that was taken.
type Finishing struct {
	Delayed
	Code proto.Code // OK: it is in its logs
}

// Outcome says why a delayed message was not sent.
type Outcome struct {
	ID   string
	Time int64 // ms since 1970, to the second
	Code proto.Code
}
