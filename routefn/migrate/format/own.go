package format

import (
	"errors"
	"fmt"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/role"
)

// The kinds of lines about one user. A KindCursor is imported. Lines of the other kinds
// are for reading. They are in the export of one account, and an import leaves them out.
const (
	KindCursor     = "cursor"
	KindDevice     = "device"
	KindConsent    = "consent"
	KindContact    = "contact"
	KindInvitation = "invitation"
	KindReport     = "report"
	KindDelayed    = "delayed"
	KindGap        = "gap"
)

// Cursor marks how far a device has acknowledged a log. The line stands among the messages
// of that log. The device has acknowledged the messages before the line. A zero Group
// means the user's inbox.
type Cursor struct {
	Kind   string `json:"kind"`
	User   int64  `json:"user"`
	Device string `json:"device"`
	Group  int64  `json:"group,omitempty"`
}

// Device is the session of one device. The times are in ms since 1970.
type Device struct {
	Kind string `json:"kind"`
	User int64  `json:"user"`
	proto.DeviceSession
}

// Consent says who may write to the user, add the user to groups, and find the user.
type Consent struct {
	Kind string `json:"kind"`
	User int64  `json:"user"`
	proto.Consent
}

// Contact is the relation of the user to the user With: a contact, a request or a block.
type Contact struct {
	Kind    string `json:"kind"`
	User    int64  `json:"user"`
	With    int64  `json:"with"`
	Name    string `json:"name,omitempty"` // of that user; empty: the account is gone
	State   string `json:"state,omitempty"`
	Since   int64  `json:"since,omitempty"`
	Blocked int64  `json:"blocked,omitempty"`
	Remark  string `json:"remark,omitempty"`
	Text    string `json:"text,omitempty"`
}

// Invitation is an invitation of the user to a group.
type Invitation struct {
	Kind  string `json:"kind"`
	User  int64  `json:"user"`
	Group int64  `json:"group"`
	Name  string `json:"name,omitempty"`
	By    int64  `json:"by"`
	Since int64  `json:"since"`
}

// Report is an open report that the user has filed about somebody's message.
type Report struct {
	Kind    string                `json:"kind"`
	User    int64                 `json:"user"`
	Reason  string                `json:"reason"`
	Note    string                `json:"note,omitempty"`
	Time    int64                 `json:"time"`
	Message proto.ReportedMessage `json:"message"`
}

// Delayed is a message of the user that was not sent yet.
type Delayed struct {
	Kind string `json:"kind"`
	User int64  `json:"user"`
	proto.Scheduled
}

// The reasons of a Gap.
const (
	GapTrimmed    = "trimmed"    // the messages were removed, or the user may not read them any more
	GapDiverged   = "diverged"   // the log lost its end, or began anew; it is exported again from its beginning
	GapLeft       = "left"       // the user does not belong to the group any more
	GapUnreadable = "unreadable" // the store has no valid message there
)

// Gap marks a place of a log at which messages are missing, or from which the log is
// exported again. A zero Group means the user's inbox. Count is how many messages are
// missing, if that is known.
type Gap struct {
	Kind   string `json:"kind"`
	User   int64  `json:"user"`
	Group  int64  `json:"group,omitempty"`
	Reason string `json:"reason"`
	Count  int64  `json:"count,omitempty"`
}

// ownValue returns the variable for a line about one user, or nil for another kind.
func ownValue(kind string) any {
	switch kind {
	case KindCursor:
		return new(Cursor)
	case KindDevice:
		return new(Device)
	case KindConsent:
		return new(Consent)
	case KindContact:
		return new(Contact)
	case KindInvitation:
		return new(Invitation)
	case KindReport:
		return new(Report)
	case KindDelayed:
		return new(Delayed)
	case KindGap:
		return new(Gap)
	}
	return nil
}

func (c *Cursor) check() error {
	if c.User <= 0 || c.User > proto.MaxUser || c.Group < 0 || c.Group > proto.MaxUser {
		return errors.New("its user or its group is no id")
	}
	if !check.ValidDevice(c.Device) {
		return errors.New("its device has not 1 to 32 of the characters a-z 0-9 - _ and dot")
	}
	return nil
}

// NewMember returns the line of a member. It has the member's role, unless that is the
// role of a usual member.
func NewMember(group, user int64, has role.Group) Member {
	line := Member{Kind: KindMember, Group: group, User: user}
	if has != role.Member && has != role.Stranger {
		line.Role = has.String()
	}
	return line
}

// checkGroupRole returns an error if members of groups can have no role with this name.
// The empty name is the role of a usual member.
func checkGroupRole(name string) error {
	if _, ok := role.ParseGroup(name); name != "" && !ok {
		return fmt.Errorf("its role %.32q is not owner, admin, member or read-only", name)
	}
	return nil
}

// checkSystemRole returns an error if the system has no role with this name.
func checkSystemRole(name string) error {
	if _, ok := role.ParseSystem(name); name != "" && !ok {
		return fmt.Errorf("its role %.32q is not user, moderator or operator", name)
	}
	return nil
}
