package record

import (
	"context"
	"fmt"

	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
	"github.com/cim-go/cim/routefn/role"
)

// Erase does a job of the kind Erasures, like EndErasure. It also returns the changes by
// which the user left groups, so that the caller can push them to the members.
func (s *Store) Erase(ctx context.Context, j queue.Job) (ending queue.Ending, left []Changed, done int64) {
	ending, done = s.EndErasure(ctx, j, func(ctx context.Context, e accounts.Erasure, version int64, groups []int64) (err error) {
		left, err = s.leaveAll(ctx, e, version, groups)
		return err
	})
	return ending, left, done
}

// leaveAll ends the memberships of a user who is erased. The version is higher than the
// versions of all intents of the user. So an intent that is carried out late changes
// nothing.
func (s *Store) leaveAll(ctx context.Context, e accounts.Erasure, version int64, groups []int64) ([]Changed, error) {
	intents := make([]intent, len(groups))
	var after []*op.Op
	for i, group := range groups {
		l := logref.Ref{Group: group}
		intents[i] = intent{Change: Change{User: e.User, Name: e.Name, Group: group, Leave: true}, version: version}
		// A user who never joined cannot leave, but may have an intent to join.
		after = append(after, l.GroupScript(changeScript, []string{l.Members(), l.Leases()}, e.User, "refuse", version, e.Name, "", ""),
			op.Write(l.Hash(), []any{"hdel", l.Hash(), roleField(e.User)}))
	}
	left := s.finish(ctx, intents)
	for _, c := range left {
		if c.Err != nil && !declined(c.Err) {
			return left, fmt.Errorf("leave group %d: %w", c.Group, c.Err)
		}
	}
	s.Accept(ctx, "change", after...)
	for _, o := range after {
		if o.Err != nil {
			return left, o.Err
		}
	}
	return left, nil
}

// remains removes what this package keeps of a user who is erased.
type remains struct{ *Store }

// Forget drops what this process remembers of the user's inbox.
func (s remains) Forget(user int64) { s.inboxes.Drop(user) }

// Remove removes the delayed messages and the reports of the user, and the role in the system.
func (s remains) Remove(ctx context.Context, user int64) error {
	if err := s.later.Erase(ctx, user); err != nil {
		return err
	}
	if err := s.reports.Erase(ctx, user); err != nil {
		return err
	}
	if err := s.forgetIDs(ctx, user); err != nil {
		return err
	}
	had, err := s.SystemRole(ctx, user)
	if err != nil || had == role.User {
		return err
	}
	return s.SetSystemRole(ctx, user, role.User)
}

// forgetIDs removes the ids of the user's messages.
func (s remains) forgetIDs(ctx context.Context, user int64) error {
	now, err := s.Time(ctx)
	if err != nil {
		return err
	}
	step := []any{"unlink"}
	for _, key := range s.ids.Keys(user, now) {
		step = append(step, key)
	}
	o := op.Write(step[1].(string), step)
	s.Accept(ctx, "erase", o)
	return o.Err
}
