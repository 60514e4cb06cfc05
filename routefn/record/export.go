package record

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/proto"
)

// exportBytes bounds the answer of one read of a log, which may have one more entry.
const exportBytes = 64 << 10

// Users returns the ids of all accounts, in ascending order. It also returns ids that
// are reserved without an account. It takes eight bytes of memory each, and reads the
// keys of all masters.
func (s *Store) Users(ctx context.Context) ([]int64, error) {
	return s.idsOf(ctx, "cim:id:*", func(key string) (int64, bool) { return idIn(key, "cim:id:", "") })
}

// AllGroups returns the ids of all groups but everyone, as Users does.
func (s *Store) AllGroups(ctx context.Context) ([]int64, error) {
	return s.idsOf(ctx, "cim:{g*}:h", func(key string) (int64, bool) {
		id, ok := idIn(key, "cim:{g", "}:h")
		return id, ok && id != proto.Everyone
	})
}

// idIn reads a positive number between two parts of a key.
func idIn(key, before, after string) (int64, bool) {
	rest, ok := strings.CutPrefix(key, before)
	digits, ok2 := strings.CutSuffix(rest, after)
	id, err := strconv.ParseInt(digits, 10, 64)
	return id, ok && ok2 && err == nil && id > 0 && strconv.FormatInt(id, 10) == digits
}

// idsOf returns the ids in the keys that match a pattern, each once.
func (s *Store) idsOf(ctx context.Context, pattern string, id func(key string) (int64, bool)) ([]int64, error) {
	var mu sync.Mutex
	var ids []int64
	err := s.topology.each(ctx, func(ctx context.Context, c *redis.Client) error {
		for cursor, begun := uint64(0), false; cursor != 0 || !begun; begun = true {
			var keys []string
			var err error
			if keys, cursor, err = c.Scan(ctx, cursor, pattern, listCount).Result(); err != nil {
				return err
			}
			mu.Lock()
			for _, key := range keys {
				if n, ok := id(key); ok {
					ids = append(ids, n)
				}
			}
			mu.Unlock()
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list keys %s: %w", pattern, classify(err, false))
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// LogPart names a piece of a log: the entries after After. The log is User's inbox
// or, if User is zero, that of After's group.
type LogPart struct {
	User  int64
	After proto.Position
}

// ReadLogs reads logs as Pull does, and returns one Pulled each, with at most
// proto.MaxPull entries or some 64 KiB. It reads the whole log of a group, without a
// check of membership. It also reads entries that replicas may not have yet. A log
// that does not exist is empty, and is not made.
func (s *Store) ReadLogs(ctx context.Context, parts []LogPart) ([]Pulled, error) {
	list := make([]Pulled, 0, len(parts))
	for chunk := range slices.Chunk(parts, maxPipeline) {
		ops := make([]*op, len(chunk))
		for i, p := range chunk {
			ops[i] = p.log().script(pullScript, max(0, p.After.Number), p.After.Epoch.String(), p.After.Key, proto.MaxPull, exportBytes, "", false)
			ops[i].write = false
		}
		s.run(ctx, "pull", ops...)
		for i, o := range ops {
			l := chunk[i].log()
			switch {
			case o.err != nil:
				return nil, fmt.Errorf("read log %s: %w", l.tag(), o.err)
			case o.noLog():
				list = append(list, Pulled{})
				continue
			}
			p, err := l.pulled(o.reply, chunk[i].After)
			if err != nil {
				return nil, err
			}
			list = append(list, p)
		}
	}
	return list, nil
}

func (p LogPart) log() logRef {
	if p.User != 0 {
		return logRef{user: p.User}
	}
	return logRef{group: p.After.Log}
}

// JoinedAt returns, for each user, the number of the entry by which they joined a
// group. It is zero for users who are no members.
func (s *Store) JoinedAt(ctx context.Context, group int64, users []Account) ([]int64, error) {
	fields, err := s.memberships(ctx, group, users)
	if err != nil {
		return nil, fmt.Errorf("members of group %d: %w", group, err)
	}
	joined := make([]int64, len(fields))
	for i, f := range fields {
		joined[i] = joinedAt(f)
	}
	return joined, nil
}

// MembersAfter returns up to limit members with ids above after. Unlike Members, it
// does not check that the caller may see them.
func (s *Store) MembersAfter(ctx context.Context, group, after int64, limit int) (Members, error) {
	l := logRef{group: group}
	o := readOf(l.members(),
		[]any{"zcard", l.members()},
		[]any{"zrangebyscore", l.members(), "(" + strconv.FormatInt(after, 10), "+inf", "withscores", "limit", 0, limit})
	s.run(ctx, "members", o)
	if o.err != nil {
		return Members{}, fmt.Errorf("members of group %d: %w", group, o.err)
	}
	return membersIn(o.reply[0], o.reply[1]), nil
}

// RemovedFrom returns the ids of users who were removed from a group, in ascending
// order. They may join again only if they are added.
func (s *Store) RemovedFrom(ctx context.Context, group int64) ([]int64, error) {
	var users []int64
	hash := logRef{group: group}.hash()
	for cursor, begun := "0", false; cursor != "0" || !begun; begun = true {
		o := readOf(hash, []any{"hscan", hash, cursor, "match", "m:*", "count", listCount})
		s.run(ctx, "members", o)
		if o.err != nil {
			return nil, fmt.Errorf("members of group %d: %w", group, o.err)
		}
		page, _ := o.reply[0].([]any)
		if len(page) != 2 {
			return nil, fmt.Errorf("%w: members of group %d cannot be read", ErrUnavailable, group)
		}
		cursor = text(page[0])
		pairs, _ := page[1].([]any)
		for pair := range slices.Chunk(pairs, 2) {
			id, ok := idIn(text(pair[0]), "m:", "")
			if f := strings.Fields(text(pair[1])); ok && len(f) == 4 && f[3] == "1" && !belongs(text(pair[1])) {
				users = append(users, id)
			}
		}
	}
	slices.Sort(users)
	return slices.Compact(users), nil
}
