package record

import (
	"context"
	"fmt"

	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// leaveAll ends the memberships of a user who is erased. The version is above that of each
// intent of the user, so none that is carried out late counts.
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
