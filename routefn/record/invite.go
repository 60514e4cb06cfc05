package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// An Invitation asks a user to join a group.
type Invitation struct {
	Group int64
	Name  string // of the group, when the invitation was made
	By    int64  // the inviter
	Since int64  // ms by the store's clock
}

const (
	// mostInvitations is how many invitations of a user are kept. If one more comes, the
	// oldest one goes.
	mostInvitations = 100
	// choosyChunk is how many keys one command reads.
	choosyChunk = 500
)

var (
	// ErrUninvited is returned if a user has no invitation to the group.
	ErrUninvited = errors.New("no such invitation")
	// ErrInvite is returned by MayAdd for a user who can only be invited.
	ErrInvite = errors.New("must be invited")
)

// MayAdd says which users another one may add to groups. It returns for each user nil,
// ErrInvite, ErrBlocked or ErrUnavailable. On one server it takes three commands, and one
// more for each user who blocks others or has said who may add them.
//
// If users must be contacts and have not said so themselves, the relations of the caller
// by decide, because both have the same.
func (s *Store) MayAdd(ctx context.Context, by int64, users []int64) []error {
	errs := make([]error, len(users))
	choosy, failed := s.choosyOf(ctx, users)
	contacts, err := s.contactsIfNeeded(ctx, by)
	var ops []*op.Op
	var of []int
	for i, user := range users {
		switch {
		case failed[i] != nil:
			errs[i] = failed[i]
		case choosy[i]:
			l := logref.Ref{User: user}
			ops = append(ops, op.Read(l.Hash(), []any{"hmget", l.Hash(), "add", fmt.Sprint("k:", by)}))
			of = append(of, i)
		case err != nil:
			errs[i] = err
		case !s.rules.MayAdd("", contacts[user]):
			errs[i] = ErrInvite
		}
	}
	s.Run(ctx, "may-add", ops...)
	for k, o := range ops {
		errs[of[k]] = s.judgeAdding(o)
	}
	return errs
}

// choosyOf reports for each user whether they block others or have said who may add them. One
// server reads up to 500 of the keys by one command.
func (s *Store) choosyOf(ctx context.Context, users []int64) (choosy []bool, errs []error) {
	choosy, errs = make([]bool, len(users)), make([]error, len(users))
	size := 1
	if s.Topology.Single() {
		size = choosyChunk
	}
	var ops []*op.Op
	for chunk := range slices.Chunk(users, size) {
		get := []any{"mget"}
		for _, user := range chunk {
			get = append(get, logref.Ref{User: user}.Choosy())
		}
		ops = append(ops, op.Read(logref.Ref{User: chunk[0]}.Choosy(), get))
	}
	s.Run(ctx, "may-add", ops...)
	for i := range users {
		o := ops[i/size]
		if errs[i] = o.Err; o.Err == nil {
			values, _ := o.Reply[0].([]any)
			choosy[i] = i%size < len(values) && op.Text(values[i%size]) == "1"
		}
	}
	return choosy, errs
}

// contactsIfNeeded returns the contacts of a user, if the rules of those who have said
// nothing depend on them.
func (s *Store) contactsIfNeeded(ctx context.Context, user int64) (map[int64]bool, error) {
	if s.rules.MayAdd("", false) {
		return nil, nil
	}
	list, err := s.Relations(ctx, user)
	contacts := make(map[int64]bool, len(list))
	for _, r := range list {
		contacts[r.User] = r.State == proto.RelationContact
	}
	return contacts, err
}

// judgeAdding reads the fields of a user who has made a choice.
func (s *Store) judgeAdding(o *op.Op) error {
	if o.Err != nil {
		return o.Err
	}
	fields, _ := o.Reply[0].([]any)
	if len(fields) != 2 {
		return fmt.Errorf("choices of %s: %w", o.Key, ErrUnavailable)
	}
	mark := op.Text(fields[1])
	switch {
	case strings.HasPrefix(mark, "blocked"):
		return ErrBlocked
	case !s.rules.MayAdd(op.Text(fields[0]), mark == proto.RelationContact):
		return ErrInvite
	}
	return nil
}

// Invite invites users to a group. The caller has checked that the inviter may add members.
// It returns for each user nil, ErrBlocked, ErrNoUser, ErrUnavailable or ErrUnknown. A user who
// belongs to the group is not invited, and gets nil. To repeat it is harmless.
func (s *Store) Invite(ctx context.Context, in Invitation, users []int64) []error {
	size := 1
	if s.Topology.Single() {
		size = enlistChunk
	}
	errs := make([]error, len(users))
	args := []any{in.By, in.Group, in.Name, mostInvitations}
	var missing []int
	at := 0
	for chunk := range slices.Chunk(users, size) {
		keys := make([]string, len(chunk))
		for i, user := range chunk {
			keys[i] = logref.Ref{User: user}.Hash()
		}
		o := &op.Op{Key: keys[0], Script: inviteScript, Keys: keys, Args: args, Write: true}
		s.Accept(ctx, "invite", o)
		for i := range chunk {
			if errs[at+i] = o.Err; o.Err == nil && op.Text(o.Reply[i]) == "blocked" {
				errs[at+i] = ErrBlocked
			}
			if o.Err == nil && op.Text(o.Reply[i]) == "nolog" {
				missing = append(missing, at+i)
			}
		}
		at += len(chunk)
	}
	s.inviteMissing(ctx, args, users, missing, errs)
	return errs
}

// inviteMissing invites those whose inboxes do not exist, one by one, and makes these.
func (s *Store) inviteMissing(ctx context.Context, args []any, users []int64, missing []int, errs []error) {
	logs, ops := make([]logref.Ref, len(missing)), make([]*op.Op, len(missing))
	for k, i := range missing {
		logs[k] = logref.Ref{User: users[i]}
		ops[k] = logs[k].HashScript(inviteScript, args...)
	}
	if len(ops) == 0 {
		return
	}
	s.onLogsBy(ctx, s.Accept, "invite", logs, ops, true)
	for k, i := range missing {
		if errs[i] = ops[k].Err; errs[i] == nil && op.Text(ops[k].Reply[0]) == "blocked" {
			errs[i] = ErrBlocked
		}
	}
}

// Invitations returns a user's invitations, the oldest first. The error is ErrUnavailable.
func (s *Store) Invitations(ctx context.Context, user int64) ([]Invitation, error) {
	hash := logref.Ref{User: user}.Hash()
	o := op.Read(hash, []any{"hget", hash, "invited"})
	s.Run(ctx, "invitations", o)
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
// ErrUnknown. To repeat it is harmless.
func (s *Store) EndInvitation(ctx context.Context, user, group int64) error {
	o := logref.Ref{User: user}.HashScript(declineScript, group)
	s.Accept(ctx, "invite", o)
	if o.Err != nil {
		return fmt.Errorf("end invitation of %d to group %d: %w", user, group, o.Err)
	}
	return nil
}

// GroupName returns the name of a group, which may be empty. The error is ErrNoGroup or
// ErrUnavailable.
func (s *Store) GroupName(ctx context.Context, group int64) (string, error) {
	hash := logref.Ref{Group: group}.Hash()
	o := op.Read(hash, []any{"hmget", hash, "epoch", "name"})
	s.Run(ctx, "groups", o)
	if o.Err != nil {
		return "", fmt.Errorf("name of group %d: %w", group, o.Err)
	}
	head, _ := o.Reply[0].([]any)
	if len(head) != 2 || op.Text(head[0]) == "" {
		return "", fmt.Errorf("name of group %d: %w", group, ErrNoGroup)
	}
	return op.Text(head[1]), nil
}
