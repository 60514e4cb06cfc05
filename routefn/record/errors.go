package record

import (
	"errors"

	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/contacts"
	"github.com/cim-go/cim/routefn/record/delayed"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/pass"
	"github.com/cim-go/cim/routefn/record/queue"
)

var (
	// ErrUnavailable is returned if the operation failed and certainly wrote nothing.
	// The caller may simply try again.
	ErrUnavailable = op.ErrUnavailable
	// The error of Dial wraps ErrUnfit if the store answers but cannot be used. Waiting
	// does not help.
	ErrUnfit = op.ErrUnfit
	// ErrUnknown is returned if a write was sent and no answer came. The store may have
	// executed the write or not. The next try must first search for its result.
	ErrUnknown = op.ErrUnknown
	// ErrNoUser is returned for a user without an account.
	ErrNoUser = accounts.ErrNoUser
	// ErrErased is returned for an account that is being erased, or was. It wraps
	// ErrNoUser.
	ErrErased = accounts.ErrErased
	// ErrNoGroup is returned for a group that does not exist.
	ErrNoGroup = logref.ErrNoGroup
	// ErrNotMember is returned if the user does not belong to the group.
	ErrNotMember = errors.New("not a member of the group")
	// ErrNotCreator is returned if a user wants to change the membership or role of another
	// user, and has no role in the group that allows it.
	ErrNotCreator = errors.New("role in the group does not allow it")
	// ErrBlocked is returned for a message to a user who blocks its sender. Nothing is
	// stored.
	ErrBlocked = contacts.ErrBlocked
	// ErrContactsOnly is returned for a message if its receiver takes messages from
	// contacts only, and its sender is not one of them. Nothing is stored.
	ErrContactsOnly = errors.New("user takes messages from contacts only")
	// ErrForbidden is returned for a message to a group if its sender is a member whose
	// role does not allow to write.
	ErrForbidden = errors.New("role does not allow to write")
	// ErrTooManyOfficers is returned if a group has as many admins as it may have.
	ErrTooManyOfficers = errors.New("group has too many admins")
	// ErrRemoved is returned if a user wants to join a group from which they were removed.
	ErrRemoved = errors.New("removed from the group")
	// ErrLeft is returned if a user wants to add another one who left the group by
	// themselves.
	ErrLeft = errors.New("left the group by themselves")
	// ErrTooManyGroups is returned if the user belongs to proto.MaxGroups groups
	// already.
	ErrTooManyGroups = errors.New("user has too many groups")
	// ErrNameTaken is returned by Adopt if the id or the name belongs to another account.
	// Register returns it only while the account of that name is being erased. If the name
	// has any other account, Register returns that account. Its caller then compares
	// credentials.
	ErrNameTaken = accounts.ErrNameTaken
	// ErrChanged is returned by SetCredential if the account was changed since it was
	// read.
	ErrChanged = accounts.ErrChanged
	// ErrInvalid is returned for an argument that cannot be stored: an invalid id, a
	// text that is not UTF-8, a name with control characters.
	ErrInvalid = op.ErrInvalid
	// ErrIDReused is returned for a message if the sender has used the same id for another
	// message, with another receiver or another text. The earlier message stays.
	ErrIDReused = errors.New("id was used for another message")
	// ErrForgotten is returned for a message that was first sent so long ago that nobody
	// knows any more whether it is stored. This call stored nothing.
	ErrForgotten = errors.New("too long ago to know whether it is stored")
	// ErrLimited is returned if a rate of Config.Limits is used up. The call stored
	// nothing, and the same call succeeds later. The error has a method Wait, which
	// returns how long to wait.
	ErrLimited = pass.ErrLimited
	// ErrNewReceivers is returned for a message if the sender never wrote to its receiver,
	// and the sender's rate of new receivers is used up. It has the method Wait, as
	// ErrLimited has.
	ErrNewReceivers = errors.New("too many new receivers")
	// ErrInboxFull is returned for a message if the inbox of its receiver has no place for
	// it: see limit.Places. The same call may succeed when the receiver has read.
	ErrInboxFull = errors.New("inbox is full")
	// ErrOwnInboxFull is returned for a private message if its sender's own inbox is too
	// long, because the sender reads nothing.
	ErrOwnInboxFull = errors.New("own inbox is full")
	// ErrSuperseded is returned for a session number that is not above the device's
	// live and closed numbers.
	ErrSuperseded = errors.New("session number is superseded")
	// ErrExpired is returned when a session is opened, if its number was issued too long
	// ago by the store's clock.
	ErrExpired = errors.New("session number has expired")
	// ErrVoid is returned for a Pass that is no longer valid, because its device was
	// logged out or the pass has expired by the store's clock.
	ErrVoid = pass.ErrVoid
	// ErrReplayed is returned for a refresh token whose successor was already used. So
	// somebody other than the device has a copy of the token.
	ErrReplayed = errors.New("refresh token was used before")
	// ErrDisplacesOther is returned by OpenSessions if the device has a live session
	// that the new one may not displace.
	ErrDisplacesOther = errors.New("another connection is live")
	// ErrTooMany is returned by Schedule if the user has proto.MaxScheduled delayed
	// messages pending already.
	ErrTooMany = delayed.ErrTooMany
	// ErrTooLate is returned by Cancel for a message that is being sent, or was sent or
	// dropped.
	ErrTooLate = delayed.ErrTooLate
	// ErrNotScheduled is returned by Cancel if the user has no delayed message with this
	// id.
	ErrNotScheduled = delayed.ErrNotScheduled
	// ErrHeld is returned by Take while another holder has the lease of the shard.
	ErrHeld = queue.ErrHeld
	// ErrDiverged is returned by Pull when the position is not in the log.
	ErrDiverged = errors.New("position is not in this log")
)

// mayRetry reports whether an operation that failed with err may succeed later.
func mayRetry(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUnknown) || errors.Is(err, ErrLimited)
}
