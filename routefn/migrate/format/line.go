package format

import (
	"errors"
	"fmt"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/identity"
)

// The kinds of lines.
const (
	KindHeader  = "cim"
	KindAccount = "account"
	KindGroup   = "group"
	KindMember  = "member"
	KindRemoved = "removed"
	KindMessage = "message"
	KindEnd     = "end"
)

// Version is the version of the lines that are written and read.
const Version = 1

// ErrLine means that a line is malformed. Errors about such a line wrap it.
var ErrLine = errors.New("not a line of the format")

// Header is the first line. If Ends is set, the last line is an End.
type Header struct {
	Kind    string `json:"kind"`
	Version int    `json:"version"`
	Ends    bool   `json:"ends,omitempty"`
}

// Account is a user. It may have one of three things: a credential (Argon2id in the PHC
// string format, or from an export), a password in plain text, or an issuer and a
// subject. With a subject, the account belongs to a user of another system
// (accounts.Subject).
type Account struct {
	Kind       string `json:"kind"`
	User       int64  `json:"user"`
	Name       string `json:"name"`
	Credential string `json:"credential,omitempty"`
	Password   string `json:"password,omitempty"`
	Issuer     string `json:"issuer,omitempty"`
	Subject    string `json:"subject,omitempty"`
	Role       string `json:"role,omitempty"` // in the system; empty: user
}

// Group is a group. Request is the id of the request that made the group. An empty Request
// becomes "import".
type Group struct {
	Kind    string `json:"kind"`
	Group   int64  `json:"group"`
	Name    string `json:"name,omitempty"`
	Creator int64  `json:"creator"`
	Request string `json:"request,omitempty"`
}

// Member is a user who joined a group (KindMember), or who was removed from it
// (KindRemoved). The line of a joining is among the lines of the group's messages, at its
// place in the log. Role is the present role of a member; empty: member.
type Member struct {
	Kind  string `json:"kind"`
	Group int64  `json:"group"`
	User  int64  `json:"user"`
	Role  string `json:"role,omitempty"`
}

// Message is a message to the user To, or to the group Group. In is the user whose inbox
// has the message; zero: To. Time is in Unix milliseconds.
type Message struct {
	Kind     string `json:"kind"`
	From     int64  `json:"from"`
	FromName string `json:"fromName,omitempty"`
	To       int64  `json:"to,omitempty"`
	Group    int64  `json:"group,omitempty"`
	In       int64  `json:"in,omitempty"`
	ID       string `json:"id"`
	Time     int64  `json:"time,omitempty"`
	Text     string `json:"text"`
	Confirm  bool   `json:"confirm,omitempty"`
}

// End is the last line. Records is the number of lines between it and the header.
type End struct {
	Kind    string `json:"kind"`
	Records int64  `json:"records"`
}

// Line is a line that was read. Number counts from 1. Value points to one of the types
// above, which Kind names.
type Line struct {
	Number int64
	Kind   string
	Value  any
}

func (a *Account) check() error {
	switch {
	case a.Credential != "" && a.Password != "":
		return errors.New("it has a credential and a password, and may have only one of them")
	case (a.Issuer == "") != (a.Subject == ""):
		return errors.New("it has only one of issuer and subject, and needs both")
	case a.Subject != "" && (a.Credential != "" || a.Password != ""):
		return errors.New("it has a subject, so it may have no credential and no password")
	case len(a.Password) > 256:
		return errors.New("its password has more than 256 bytes")
	case a.Credential != "" && !identity.ValidCredential(a.Credential):
		return errors.New("its credential is not Argon2id in the PHC string format")
	}
	return checkSystemRole(a.Role)
}

func (g *Group) check() error {
	if g.Group <= proto.Everyone || g.Group > proto.MaxUser {
		return fmt.Errorf("its group is no group id: want 2 to %d", proto.MaxUser)
	}
	if g.Request == "" {
		g.Request = "import"
	}
	if !proto.ValidID(g.Request) {
		return errors.New("its request is no id of 1 to 64 printable ASCII characters")
	}
	return nil
}

func (m *Member) check() error {
	if m.Group <= proto.Everyone || m.Group > proto.MaxUser || m.User <= 0 || m.User > proto.MaxUser {
		return errors.New("its group or its user is no id")
	}
	if m.Role != "" && m.Kind == KindRemoved {
		return errors.New("a user who was removed has no role")
	}
	return checkGroupRole(m.Role)
}

func (m *Message) check() error {
	switch {
	case m.From <= 0 || m.From > proto.MaxUser:
		return errors.New("it lacks from, the id of its sender")
	case (m.To == 0) == (m.Group == 0), m.To < 0, m.To > proto.MaxUser, m.Group < 0, m.Group > proto.MaxUser:
		return errors.New("it needs either to, the id of its receiver, or group")
	case m.Group != 0 && (m.In != 0 || m.Confirm):
		return errors.New("in and confirm are for private messages")
	case m.In != 0 && m.In != m.To && m.In != m.From:
		return errors.New("in is not its sender or its receiver")
	case !proto.ValidID(m.ID):
		return errors.New("it lacks an id, of 1 to 64 printable ASCII characters without spaces")
	case m.Text == "":
		return errors.New("it lacks a text")
	}
	return nil
}
