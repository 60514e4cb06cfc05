package record

import (
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/delayed"
	"github.com/cim-go/cim/routefn/record/pass"
	"github.com/cim-go/cim/routefn/record/rows"
	"github.com/cim-go/cim/routefn/record/watch"
	"github.com/cim-go/cim/routefn/role"
)

// Account is a user of the system.
type Account = accounts.Account

// Session is the record of the live connection of one device: which node holds it.
type Session = rows.Session

// Received has positions that the TCP of a device has acknowledged.
type Received = rows.Received

// Lease records that a node holds members of a group.
type Lease = rows.Lease

// Pass has those fields of a device's token that the store needs to check the token.
type Pass = pass.Pass

// Watch notices whether the store has lost something.
type Watch = watch.Watch

// Issuing is a request for a session number.
type Issuing struct {
	User   int64
	Device string
	Pass   *Pass           // pass of the same user and device, which is checked in the same step; nil: no token was shown
	Shown  *accounts.Tried // the try with the right password, which is settled in the same round trip; nil: no password was shown, or the try is settled already
	Login  *Login          // the login that needs the number, for the list of logins; nil: the number is for a connection that moves to another node
}

// Login says where a login came from, and whether it gets a refresh token.
type Login struct {
	Network   string // see sourceip.Network; may be empty
	Refreshes bool   // the login gets a refresh token of generation 1 with the number
}

// DeviceSession describes a device that is logged in, for its user.
type DeviceSession struct {
	Device    string
	Connected bool
	Since     int64  // since when the device is connected, or offline if it is not, in ms since 1970; zero: it never connected
	Number    int64  // number of the last login, which is at least the time of the login, in ms by the store's clock
	Network   string // network from which that login came; empty: not known
}

// Revoking selects the sessions of a user that EndSessions ends.
type Revoking struct {
	Device string // only the session of this device; empty: those of all devices
	Spared string // the device whose session stays although all others end; empty: none stays
}

// Issued is the result of IssueNumber.
type Issued struct {
	Number   int64
	Live     *Session // live session of the same device; nil: there is none
	LastNode string   // node where the user's last session was opened; empty: none ever was
	Time     int64    // when the number was issued, in ms since 1970 by the store's clock
}

// Opening is a request to make a number the live session of a device.
type Opening struct {
	User      int64
	Number    int64 // zero: the client speaks CIM's own protocol, and a number is issued now
	Displaces int64 // the opening may displace a live session with this number or a lower one; -1: any; 0: none
	Session         // Device, Node, Boot and Addr are used, and Number is not

	// Within is how long after its issue the number may be opened, by the store's clock.
	// Zero means that there is no limit. It is for a connection that a route has
	// confirmed before, and that is reported again.
	Within time.Duration

	// Start is the cursor that the device gets in the group Start.Log, if it has none
	// there, so that a new device is not shown earlier messages. If Start is zero, the
	// device gets no cursor. If the store lost the inbox lately, the device gets a cursor
	// at the group's first entry instead. The reason is that it may be an old device,
	// which must not miss entries.
	Start proto.Position
}

// Opened is the answer to one Opening. Err is nil, ErrSuperseded, ErrExpired,
// ErrDisplacesOther, ErrNoUser, ErrInvalid, ErrUnavailable or ErrUnknown, after
// which repeating it is harmless.
type Opened struct {
	Err       error
	Number    int64
	Displaced *Session         // the session that was live before, and still is if there is an error; nil: there was none, or it was this one
	Newest    proto.Position   // end of the user's inbox
	Cursors   []proto.Position // the positions up to which this device has acknowledged, one per log
	Groups    []int64          // groups in the user's list; the groups themselves decide whether the user is a member, see EnterNode
	Version   int64            // version of that list
	Ended     []Session        // sessions that were live, of devices that had to be forgotten because of this one
	Finished  []Changed        // joinings and leavings that were left unfinished, and were carried out now
	Received  *Received        // what an earlier connection received, if its end was not reported; nil: nothing
}

// Closing closes a number for good.
type Closing struct {
	User   int64
	Device string
	Number int64
	Lost   bool // the node of the session died, so the received positions stay for the next opening
}

// Acking moves cursors forward.
type Acking struct {
	User    int64
	Device  string
	Number  int64 // number of the session; if it is closed, cursors move only with Ended
	Cursors []proto.Position
	Ended   bool // the connection has ended, and Cursors is all that the device had read; its number may be closed

	// Received has positions beyond Cursors that the TCP of the device has acknowledged.
	// The store keeps them for the live session only. It removes them when that session is
	// closed, or when an Acking of that session has Ended set.
	Received []proto.Position

	// Left is for a client that ended its sending before its connection was reset. It has
	// the positions up to which the device counts as having read if it also logs out. The
	// store keeps the positions for the next opening. If Left is given, Cursors and
	// Received are not used.
	Left []proto.Position
}

// Message is what Append stores.
type Message struct {
	From     int64
	FromName string
	ID       string
	To       int64 // the user who receives it; zero: a group does
	Group    int64 // the group that receives it; zero: a user does
	Text     string
	Time     int64 // ms since 1970; used only for messages from Take; other messages get the store's time
	Sent     int64 // when the node sent it to a route, in ms by the store's clock; zero: not known. See firstTryLife
	Again    bool  // the message may be stored already, so search for its From and ID first
	Claim    bool  // nobody knows whether its ID is new, so claim it first
	First    int64 // when its sender first tried to send it, in ms; zero: not known. Only used with Again or Claim
	Pass     *Pass // the sender's, which is judged first; nil: there is none. Only used with Again or Claim
	Confirm  bool  // the sender wants to know when it was shown

	taken bool // the message comes from Take, so it keeps its Time
}

// Appended is the answer to one Message. Err is nil if the message is stored in all its
// logs. With ErrUnavailable and ErrLimited it is in no log, and with ErrUnknown it may be
// in some. The other errors are ErrNoUser, ErrNoGroup, ErrNotMember, ErrNewReceivers,
// ErrInboxFull, ErrOwnInboxFull, ErrIDReused, ErrForgotten, ErrVoid and ErrInvalid.
type Appended struct {
	Err      error
	Time     int64  // time of the entry, which an earlier try may have written
	Repeated bool   // an earlier try has written the entry, to at least one log
	Copies   []Copy // the receiver's copy, then the sender's own, if there are two
}

// Own returns the copy whose position the sender gets. It is the last one.
func (a *Appended) Own() *Copy { return &a.Copies[len(a.Copies)-1] }

// Copy is a message in one log, with the sessions or nodes to which it must be pushed.
type Copy struct {
	User     int64 // the owner of the inbox; zero: a group's log
	Stored   *proto.Stored
	Sessions []Session // of an inbox: the live sessions of the user; several Copies share the list, so do not change it
	Nodes    []Lease   // of a group: the nodes that hold members; several Copies share the list, so do not change it
}

// NewGroup is a request for a new group.
type NewGroup struct {
	Creator int64
	ID      string // id of the request, see proto.ValidID; the same id and creator give the same group
	Name    string // may be empty
	// Seal is a secret from which the group's id is computed, so that nobody can compute
	// the id from the other fields. While the secret is being changed, Earlier is the
	// previous one, with which the group may have been made. Empty: none.
	Seal, Earlier string
}

// Change is a request to make a user join a group, or leave it.
type Change struct {
	User  int64
	Name  string // name of the user
	Group int64
	Leave bool
	By    int64 // the caller: the user, or another member whose role allows it; zero: the user
	Once  bool  // the user joins only if they never did before, so a repetition does not bring back a user who has left
}

// own reports whether a user requested the change of their own membership.
func (c Change) own() bool { return c.By == 0 || c.By == c.User }

// Changed is the answer to one Change. Err is nil, ErrNoUser, ErrNoGroup,
// ErrNotCreator, ErrRemoved, ErrInvalid, ErrTooManyGroups, ErrUnavailable or
// ErrUnknown, after which repeating it is harmless and finishes what was begun.
type Changed struct {
	Err      error
	User     int64
	Group    int64
	Member   bool      // the user belongs to the group now
	Copy     *Copy     // the entry that this call has appended, even if Err is set; nil: none
	Sessions []Session // if the user's list of groups has changed, the user's live sessions, which must learn of that; do not change it
	Version  int64     // version of that list; zero with an error
	Earlier  *Changed  // another, unfinished change that this call has carried out first; nil: none
}

// Entering is a request to give a node a lease of a group.
type Entering struct {
	Group int64
	Users []int64        // members who are at the node; none for the group of everyone
	Known proto.Position // the end of the log as the node knows it; zero: the node holds no lease

	renews bool // the node holds a lease, and only renews it
}

// Entered is the answer to one Entering. Err is nil, ErrNoGroup, ErrNotMember if none
// of the users is a member, ErrInvalid, ErrUnavailable or ErrUnknown. With an error,
// the node has got no lease.
type Entered struct {
	Err    error
	Newest proto.Position
	Joined []int64 // for each user, the number of the entry by which they joined; zero: the user is no member
	Held   bool    // the node holds a lease already, so nothing was written and Newest is Entering.Known
}

// Members is one page of a group's members.
type Members struct {
	Users []Account    // by ascending id, without credentials
	Roles []role.Group // of each user
	Total int64
}

// Group is a group that a user belongs to.
type Group struct {
	Group   int64
	Name    string
	Members int64
	Creator int64
	Owner   int64      // the owner; zero: no member is the owner
	Role    role.Group // of the user
}

// Pulled is a piece of a log.
type Pulled struct {
	Epoch   proto.Epoch
	Oldest  int64 // number of the oldest entry that is kept
	Newest  proto.Position
	Entries []*proto.Stored // without genesis entries
	Through proto.Position  // the last entry that was read, even if it is not in Entries
}

// Held is a connection that a node holds, as the node reports it.
type Held struct {
	User   int64
	Device string
	Number int64
	Newest proto.Position // highest position in the inbox that the node knows; zero: none

	Version int64 // version of the node's copy of the user's list of groups
}

// Difference is a difference between a node's connection and the store.
type Difference struct {
	Held    Held
	Verdict proto.Verdict
	Newest  proto.Position // end of the inbox; only with BEHIND

	Ended     bool // with DISPLACED: the device was logged out, or its session was ended
	Forgotten bool // with DISPLACED: the device was forgotten, because the user has too many other devices
	Passed    bool // with DISPLACED: a later session is live; it did not displace this one, which a failover had lost
}

// Retention bounds a log. The newest entry always stays. If it is too old, it stays
// without its text.
type Retention struct {
	Count int   // the largest number of entries; zero: 10,000
	Age   int64 // how long an entry is kept, in ms; zero: 14 days
}

// Scheduling is a message to be sent later. The Time and Again of the message are
// ignored.
type Scheduling struct {
	Message
	At    int64 // when the message is due, in ms since 1970; zero: After says it
	After int64 // in how many ms the message is due; zero: At says it
}

// Scheduled is the state of a delayed message.
type Scheduled = delayed.Scheduled

// ScheduledAt names a place in the list of a user's pending messages.
type ScheduledAt = delayed.At

// Outcome says why a delayed message was dropped.
type Outcome = delayed.Outcome

// Delayed is a delayed message. Its Time is when Take first returned it, in ms by the
// store's clock, or zero before that.
type Delayed struct {
	Message
	Due   int64 // ms by the store's clock
	State string
	Late  time.Duration // if Take has returned it: for how long it had been due

	key string // key of the message in its shard
}

// Finishing says how a taken message ended.
type Finishing struct {
	Delayed
	Code proto.Code // OK: the message is in its logs; otherwise the reason why it is dropped
}
