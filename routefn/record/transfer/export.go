package transfer

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
	"github.com/cim-go/cim/routefn/record/scan"
)

// Users returns the ids of all accounts, in ascending order. It also returns reserved
// ids that have no account. It looks at all keys of all masters, and takes eight bytes
// of memory per id.
func (s *Transfers) Users(ctx context.Context) ([]int64, error) {
	return scan.IDs(ctx, s.db.Topology, "cim:id:", "")
}

// AllGroups returns the ids of all groups but the group of everyone, in ascending
// order, at the same costs as Users.
func (s *Transfers) AllGroups(ctx context.Context) ([]int64, error) {
	ids, err := scan.IDs(ctx, s.db.Topology, "cim:{g", "}:h")
	return slices.DeleteFunc(ids, func(id int64) bool { return id == proto.Everyone }), err
}

// JoinedAt returns, for each user, the number of the entry by which they joined a
// group. The number is zero for users who are not members.
func (s *Transfers) JoinedAt(ctx context.Context, group int64, users []accounts.Account) ([]int64, error) {
	fields, err := s.memberships(ctx, group, users)
	if err != nil {
		return nil, fmt.Errorf("members of group %d: %w", group, err)
	}
	joined := make([]int64, len(fields))
	for i, f := range fields {
		joined[i] = rows.JoinedAt(f)
	}
	return joined, nil
}

// Members is a page of a group's members, by ascending id, and how many there are.
type Members struct {
	Users []accounts.Account // without credentials
	Total int64
}

// MembersAfter returns a page of a group's members, by ascending id. The page has ids
// above the parameter after, and at most as many users as limit says. Unlike Members of a
// Store, it does not check that the caller may see them.
func (s *Transfers) MembersAfter(ctx context.Context, group, after int64, limit int) (Members, error) {
	l := logref.Ref{Group: group}
	o := op.Read(l.Members(),
		[]any{"zcard", l.Members()},
		[]any{"zrangebyscore", l.Members(), "(" + strconv.FormatInt(after, 10), "+inf", "withscores", "limit", 0, limit})
	s.db.Run(ctx, "members", o)
	if o.Err != nil {
		return Members{}, fmt.Errorf("members of group %d: %w", group, o.Err)
	}
	return Members{Users: rows.ParseMembers(o.Reply[1]), Total: op.Integer(o.Reply[0])}, nil
}

// RemovedFrom returns the ids of users who were removed from a group, in ascending order.
// They may join again only if the creator adds them.
func (s *Transfers) RemovedFrom(ctx context.Context, group int64) ([]int64, error) {
	var users []int64
	hash := logref.Ref{Group: group}.Hash()
	for cursor, begun := "0", false; cursor != "0" || !begun; begun = true {
		o := op.Read(hash, []any{"hscan", hash, cursor, "match", "m:*", "count", scan.Count})
		s.db.Run(ctx, "members", o)
		if o.Err != nil {
			return nil, fmt.Errorf("members of group %d: %w", group, o.Err)
		}
		page, _ := o.Reply[0].([]any)
		if len(page) != 2 {
			return nil, fmt.Errorf("%w: members of group %d cannot be read", op.ErrUnavailable, group)
		}
		cursor = op.Text(page[0])
		pairs, _ := page[1].([]any)
		for pair := range slices.Chunk(pairs, 2) {
			id, ok := scan.ID(op.Text(pair[0]), "m:", "")
			if f := strings.Fields(op.Text(pair[1])); ok && len(f) == 4 && f[3] == "1" && !rows.Belongs(op.Text(pair[1])) {
				users = append(users, id)
			}
		}
	}
	slices.Sort(users)
	return slices.Compact(users), nil
}
