package contacts

import (
	"context"
	"fmt"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
)

// MayFind reports whether a user may learn another user's name from the id. The parameter
// other is that other user. They may have chosen to be found by everyone, or only by
// acquaintances. If they have not chosen, the rules decide. Two users are acquaintances
// if they are contacts, if one has written to the other, or if they share a group. The
// store remembers the latest 2,000 users to whom a user wrote, but only while
// Limits.Receivers or Limits.Inboxes is on. MayFind takes one round trip. The error is
// ErrUnavailable.
func (s *Contacts) MayFind(ctx context.Context, user, other int64) (bool, error) {
	if user == other {
		return true, s.db.Judge(ctx)
	}
	mine, theirs := logref.Ref{User: user}, logref.Ref{User: other}
	own := op.Read(mine.Hash(), []any{"hmget", mine.Hash(), "groups"}, []any{"zscore", mine.Receivers(), other})
	of := op.Read(theirs.Hash(), []any{"hmget", theirs.Hash(), "groups", "find", fmt.Sprint("k:", user)}, []any{"zscore", theirs.Receivers(), user})
	s.db.Run(ctx, "may-find", own, of)
	for _, o := range []*op.Op{own, of} {
		if o.Err != nil {
			return false, fmt.Errorf("may %d find %d: %w", user, other, o.Err)
		}
	}
	my, _ := own.Reply[0].([]any)
	their, _ := of.Reply[0].([]any)
	if len(my) != 1 || len(their) != 3 {
		return false, fmt.Errorf("may %d find %d: %w", user, other, op.ErrUnavailable)
	}
	met := op.Text(own.Reply[1]) != "" || op.Text(of.Reply[1]) != ""
	known := met || op.Text(their[2]) == proto.RelationContact || share(op.Text(my[0]), op.Text(their[0]))
	return s.rules.MayFind(op.Text(their[1]), known), nil
}

// share reports whether two lists of groups have a group in common.
func share(a, b string) bool {
	groups := rows.ParseGroups(b)
	return slices.ContainsFunc(rows.ParseGroups(a), func(g int64) bool { return slices.Contains(groups, g) })
}
