// Package invite keeps the invitations of users to groups. An invitation waits in the slot of
// the invited user, until the user joins the group or declines, or until a hundred newer ones
// have come.
//
//	users are invited                  lua/invite.lua
//	an invitation ends                 lua/decline.lua
//
// Packages group and contacts decide whether a user may invite another one. The keys are
// in the table of package record.
package invite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cim-go/cim/routefn/record/contacts"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
)

//go:embed lua/*.lua
var folder embed.FS

var (
	lua           = op.Library{folder, contacts.Lua, rows.Lua, op.Lua}
	inviteScript  = lua.Load("clock", "live", "groups", "guard", "invite")
	declineScript = lua.Load("groups", "decline")
)

// Inboxes has the inboxes of users.
type Inboxes interface {
	// Change sends ops[i] to the inbox of users[i], in the way of op.DB.Accept. It makes
	// those inboxes that do not exist, and then sends their ops again. An op whose user
	// has no account gets accounts.ErrNoUser.
	Change(ctx context.Context, name string, users []int64, ops []*op.Op)
}

// Invites has the invitations of all users. It is safe for concurrent use. Its calls
// block like those of op.DB.
type Invites struct {
	db      *op.DB
	inboxes Inboxes
}

// New returns the invitations in the store of db.
func New(db *op.DB, inboxes Inboxes) *Invites { return &Invites{db, inboxes} }

// An Invitation asks a user to join a group.
type Invitation struct {
	Group int64
	Name  string // the group's name when the invitation was made
	By    int64  // the inviter
	Since int64  // ms by the store's clock
}

const (
	// mostInvitations is how many invitations of a user are kept. If one more comes, the
	// oldest one is removed.
	mostInvitations = 100
	// chunk is how many users one script invites, if one server has all of them.
	chunk = 100
)

// ErrUninvited is returned for a user who has no invitation to a group.
var ErrUninvited = errors.New("no such invitation")

// Invite invites users to a group. The caller has checked that the inviter may add
// members. For each user the result is nil, ErrBlocked, ErrNoUser, ErrUnavailable or
// ErrUnknown. A member of the group gets no invitation, and the result is nil. Repeating
// the call is harmless.
func (s *Invites) Invite(ctx context.Context, in Invitation, users []int64) []error {
	size := 1
	if s.db.Topology.Single() {
		size = chunk
	}
	errs := make([]error, len(users))
	args := []any{in.By, in.Group, in.Name, mostInvitations}
	var missing []int
	at := 0
	for some := range slices.Chunk(users, size) {
		keys := make([]string, len(some))
		for i, user := range some {
			keys[i] = logref.Ref{User: user}.Hash()
		}
		o := &op.Op{Key: keys[0], Script: inviteScript, Keys: keys, Args: args, Write: true}
		s.db.Accept(ctx, "invite", o)
		for i := range some {
			if errs[at+i] = o.Err; o.Err == nil && op.Text(o.Reply[i]) == "blocked" {
				errs[at+i] = contacts.ErrBlocked
			}
			if o.Err == nil && op.Text(o.Reply[i]) == "nolog" {
				missing = append(missing, at+i)
			}
		}
		at += len(some)
	}
	s.inviteMissing(ctx, args, users, missing, errs)
	return errs
}

// inviteMissing invites users whose inboxes do not exist, one by one, and makes these
// inboxes.
func (s *Invites) inviteMissing(ctx context.Context, args []any, users []int64, missing []int, errs []error) {
	to, ops := make([]int64, len(missing)), make([]*op.Op, len(missing))
	for k, i := range missing {
		to[k] = users[i]
		ops[k] = logref.Ref{User: users[i]}.HashScript(inviteScript, args...)
	}
	if len(ops) == 0 {
		return
	}
	s.inboxes.Change(ctx, "invite", to, ops)
	for k, i := range missing {
		if errs[i] = ops[k].Err; errs[i] == nil && op.Text(ops[k].Reply[0]) == "blocked" {
			errs[i] = contacts.ErrBlocked
		}
	}
}

// Invitations returns a user's invitations, the oldest first. The error is ErrUnavailable.
func (s *Invites) Invitations(ctx context.Context, user int64) ([]Invitation, error) {
	hash := logref.Ref{User: user}.Hash()
	o := op.Read(hash, []any{"hget", hash, "invited"})
	s.db.Run(ctx, "invitations", o)
	if o.Err != nil {
		return nil, fmt.Errorf("invitations of %d: %w", user, o.Err)
	}
	var list []Invitation
	for line := range strings.SplitSeq(op.Text(o.Reply[0]), "\n") {
		if f := strings.SplitN(line, "\t", 4); len(f) == 4 {
			list = append(list, Invitation{Group: op.Integer(f[0]), By: op.Integer(f[1]), Since: op.Integer(f[2]), Name: f[3]})
		}
	}
	return list, nil
}

// EndInvitation removes a user's invitation to a group. The error is ErrUnavailable or
// ErrUnknown. Repeating it is harmless.
func (s *Invites) EndInvitation(ctx context.Context, user, group int64) error {
	o := logref.Ref{User: user}.HashScript(declineScript, group)
	s.db.Accept(ctx, "invite", o)
	if o.Err != nil {
		return fmt.Errorf("end invitation of %d to group %d: %w", user, group, o.Err)
	}
	return nil
}
