package record

import (
	"context"
	"errors"
	"fmt"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
	"github.com/cim-go/cim/routefn/role"
)

// The roles in the system are roles in the group of everyone. So a message to everyone is
// checked where it is stored, without another round trip. No other roles exist there.

// An Officer is a user with a higher role in the system.
type Officer struct {
	User int64
	Role role.System
}

// Rules returns the rules of Config.
func (s *Store) Rules() role.Rules { return s.rules }

// SystemRole returns the role of a user in the system. The error is ErrUnavailable.
func (s *Store) SystemRole(ctx context.Context, user int64) (role.System, error) {
	o := op.Read(logref.Everyone.Hash(), []any{"hget", logref.Everyone.Hash(), roleField(user)})
	s.Run(ctx, "role", o)
	if o.Err != nil {
		return role.User, fmt.Errorf("role of %d: %w", user, o.Err)
	}
	r, _ := role.ParseSystem(op.Text(o.Reply[0]))
	return r, nil
}

// ReachEveryone returns nil if a user may write to everyone and list who is online. The
// error is ErrForbidden, or ErrUnavailable. If all users may do so, the store only checks
// the pass in ctx, as Judge does.
func (s *Store) ReachEveryone(ctx context.Context, user int64) error {
	if s.rules.MayReachEveryone(role.User) {
		return s.Judge(ctx)
	}
	r, err := s.SystemRole(ctx, user)
	if err == nil && !s.rules.MayReachEveryone(r) {
		err = fmt.Errorf("%s %d: %w", r, user, ErrForbidden)
	}
	return err
}

// SetSystemRole gives a user a role in the system. It checks neither the caller's rights
// nor that there is an account. A repetition is harmless. The error is
// ErrTooManyOfficers, ErrUnavailable or ErrUnknown.
func (s *Store) SetSystemRole(ctx context.Context, user int64, next role.System) error {
	err := errRolesChanged
	for try := 0; try < judgeTries && errors.Is(err, errRolesChanged); try++ {
		err = s.setSystemRole(ctx, user, next)
	}
	if err != nil {
		return fmt.Errorf("make %d %s: %w", user, next, err)
	}
	return nil
}

func (s *Store) setSystemRole(ctx context.Context, user int64, next role.System) error {
	read := readStanding(logref.Everyone)
	s.Run(ctx, "role", read)
	now, err := standingIn(read)
	if errors.Is(err, ErrNoGroup) { // there is no log of everyone yet
		if err = s.makeLogs(ctx, []logref.Ref{logref.Everyone}, true)[0]; err == nil {
			now.version = "0"
		}
	}
	if err != nil {
		return err
	}
	word, officer := next.String(), true
	if next == role.User {
		word, officer = "", false
	}
	return s.setRoles(ctx, logref.Everyone, now.version, "", "", mostOfficers, user, word, officer)
}

// Officers returns the moderators and operators, in the order in which they got their
// roles. The error is ErrUnavailable.
func (s *Store) Officers(ctx context.Context) ([]Officer, error) {
	list := op.Read(logref.Everyone.Hash(), []any{"hget", logref.Everyone.Hash(), "officers"})
	s.Run(ctx, "role", list)
	if list.Err != nil {
		return nil, fmt.Errorf("list officers: %w", list.Err)
	}
	users := rows.ParseGroups(op.Text(list.Reply[0]))
	if len(users) == 0 {
		return nil, nil
	}
	step := []any{"hmget", logref.Everyone.Hash()}
	for _, user := range users {
		step = append(step, roleField(user))
	}
	words := op.Read(logref.Everyone.Hash(), step)
	s.Run(ctx, "role", words)
	if words.Err != nil {
		return nil, fmt.Errorf("list officers: %w", words.Err)
	}
	fields, _ := words.Reply[0].([]any)
	var officers []Officer
	for i := range min(len(users), len(fields)) {
		if r, ok := role.ParseSystem(op.Text(fields[i])); ok {
			officers = append(officers, Officer{users[i], r})
		}
	}
	return officers, nil
}
