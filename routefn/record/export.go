package record

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
	"github.com/cim-go/cim/routefn/record/scan"
)

// exportBytes bounds one read of a log, in bytes. The answer may exceed it by one
// entry.
const exportBytes = 64 << 10

// Users returns the ids of all accounts, in ascending order. It also returns reserved
// ids that have no account. It looks at all keys of all masters, and takes eight bytes
// of memory per id.
func (s *Store) Users(ctx context.Context) ([]int64, error) {
	return scan.IDs(ctx, s.Topology, "cim:id:", "")
}

// AllGroups returns the ids of all groups but the group of everyone, in ascending
// order, at the same costs as Users.
func (s *Store) AllGroups(ctx context.Context) ([]int64, error) {
	ids, err := scan.IDs(ctx, s.Topology, "cim:{g", "}:h")
	return slices.DeleteFunc(ids, func(id int64) bool { return id == proto.Everyone }), err
}

// LogPart names a piece of a log: the entries behind the position After. The log is the
// inbox of User, or the log of the group After.Log if User is zero.
type LogPart struct {
	User  int64
	After proto.Position
}

// ReadLogs reads pieces of logs, and returns one Pulled each, with at most
// proto.MaxPull entries and some 64 KiB. Unlike Pull, it checks no membership, reads a
// group's whole log, and also returns entries that replicas may not have yet. A log
// that does not exist counts as empty, and is not made.
func (s *Store) ReadLogs(ctx context.Context, parts []LogPart) ([]Pulled, error) {
	list := make([]Pulled, 0, len(parts))
	for chunk := range slices.Chunk(parts, op.MaxPipeline) {
		ops := make([]*op.Op, len(chunk))
		for i, p := range chunk {
			ops[i] = p.log().Script(pullScript, max(0, p.After.Number), p.After.Epoch.String(), p.After.Key, proto.MaxPull, exportBytes, "", false, 0, "", "")
			ops[i].Write = false
		}
		s.Run(ctx, "pull", ops...)
		for i, o := range ops {
			l := chunk[i].log()
			switch {
			case o.Err != nil:
				return nil, fmt.Errorf("read log %s: %w", l.Tag(), o.Err)
			case o.NoLog():
				list = append(list, Pulled{})
				continue
			}
			p, err := pulled(l, o.Reply, chunk[i].After)
			if err != nil {
				return nil, err
			}
			list = append(list, p)
		}
	}
	return list, nil
}

func (p LogPart) log() logref.Ref {
	if p.User != 0 {
		return logref.Ref{User: p.User}
	}
	return logref.Ref{Group: p.After.Log}
}

// JoinedAt returns, for each user, the number of the entry by which they joined a
// group. The number is zero for users who are not members.
func (s *Store) JoinedAt(ctx context.Context, group int64, users []Account) ([]int64, error) {
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

// MembersAfter returns a page of a group's members, by ascending id: at most limit
// users, whose ids are above after. Unlike Members, it does not check that the caller
// may see them.
func (s *Store) MembersAfter(ctx context.Context, group, after int64, limit int) (Members, error) {
	l := logref.Ref{Group: group}
	o := op.Read(l.Members(),
		[]any{"zcard", l.Members()},
		[]any{"zrangebyscore", l.Members(), "(" + strconv.FormatInt(after, 10), "+inf", "withscores", "limit", 0, limit})
	s.Run(ctx, "members", o)
	if o.Err != nil {
		return Members{}, fmt.Errorf("members of group %d: %w", group, o.Err)
	}
	return membersIn(o.Reply[0], o.Reply[1]), nil
}

// RemovedFrom returns the ids of users whom the creator removed from a group, in
// ascending order. They may join again only if the creator adds them.
func (s *Store) RemovedFrom(ctx context.Context, group int64) ([]int64, error) {
	var users []int64
	hash := logref.Ref{Group: group}.Hash()
	for cursor, begun := "0", false; cursor != "0" || !begun; begun = true {
		o := op.Read(hash, []any{"hscan", hash, cursor, "match", "m:*", "count", scan.Count})
		s.Run(ctx, "members", o)
		if o.Err != nil {
			return nil, fmt.Errorf("members of group %d: %w", group, o.Err)
		}
		page, _ := o.Reply[0].([]any)
		if len(page) != 2 {
			return nil, fmt.Errorf("%w: members of group %d cannot be read", ErrUnavailable, group)
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
