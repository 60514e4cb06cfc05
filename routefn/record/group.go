package record

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/cim-go/cim/proto"
)

// CreateGroup makes a group without members and returns its id. If the same request of
// the same creator has made it already, it returns that group's id. A group that no
// user joins within a minute is deleted, and a repetition makes it anew. CreateGroup
// returns ErrNoGroup if the request's group has ended within the last day, so that a
// late repetition does not bring it back.
func (s *Store) CreateGroup(ctx context.Context, g NewGroup) (int64, error) {
	if err := g.check(); err != nil {
		return 0, fmt.Errorf("create group: %w", err)
	}
	genesis, err := s.genesis(ctx)
	if err != nil {
		return 0, err
	}
	for try := range idTries {
		group := g.id(try)
		l := logRef{group: group}
		errs := make([]error, 1)
		if s.sweepLater(ctx, []logRef{l}, errs, groupRest.Milliseconds()); errs[0] != nil {
			return 0, fmt.Errorf("create group: %w", errs[0])
		}
		o := l.groupScript(createScript, []string{l.leases(), l.end()}, proto.Epoch(rand.Uint64()).String(), genesis, g.Name, g.Creator, g.ID)
		s.accept(ctx, "create", o)
		if o.err != nil {
			return 0, fmt.Errorf("create group: %w", o.err)
		}
		switch text(o.reply[0]) {
		case "ok":
			return group, nil
		case "ended":
			return 0, fmt.Errorf("create group: %w: the one that this request made has ended", ErrNoGroup)
		}
	}
	return 0, fmt.Errorf("create group: %w: no free id", ErrUnavailable)
}

func (g NewGroup) check() error {
	if g.Creator <= 0 || !proto.ValidID(g.ID) {
		return fmt.Errorf("%w: request %q of %d", ErrInvalid, g.ID, g.Creator)
	}
	if g.Name == "" {
		return nil
	}
	return checkNames(g.Name)
}

// id returns the group's id at a try, for the case that the ids of earlier tries belong
// to other groups. It is computed from the request, so that a repetition finds the
// group in any slot without another record. It is spread over all numbers, because a
// user who knows it may join.
func (g NewGroup) id(try int) int64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %d", g.Creator, g.ID, try))
	const first = proto.Everyone + 1
	return first + int64(binary.BigEndian.Uint64(sum[:])>>1)%(proto.MaxUser-first+1)
}

// Groups returns the groups that a user belongs to, by ascending id, without
// everyone. It leaves out a group that is in the user's list but does not have the
// user as a member.
func (s *Store) Groups(ctx context.Context, user int64) ([]Group, error) {
	hash := logRef{user: user}.hash()
	list := readOf(hash, []any{"hget", hash, "groups"})
	s.run(ctx, "groups", list)
	if list.err != nil {
		return nil, fmt.Errorf("groups of %d: %w", user, list.err)
	}
	ids := parseGroups(text(list.reply[0]))
	slices.Sort(ids)
	ops := make([]*op, len(ids))
	for i, id := range ids {
		l := logRef{group: id}
		ops[i] = readOf(l.hash(), []any{"hmget", l.hash(), "name", "creator", memberField(user)}, []any{"zcard", l.members()})
	}
	s.run(ctx, "groups", ops...)
	var groups []Group
	for i, o := range ops {
		if o.err != nil {
			return nil, fmt.Errorf("groups of %d: %w", user, o.err)
		}
		if head, _ := o.reply[0].([]any); len(head) == 3 && belongs(text(head[2])) {
			groups = append(groups, Group{Group: ids[i], Name: text(head[0]), Creator: integer(head[1]), Members: integer(o.reply[1])})
		}
	}
	return groups, nil
}

// Members returns at most limit members of a group whose ids are above after. It
// returns ErrNotMember unless user is one of them, and ErrNoGroup.
func (s *Store) Members(ctx context.Context, user, group, after int64, limit int) (Members, error) {
	l := logRef{group: group}
	o := readOf(l.hash(),
		[]any{"hmget", l.hash(), "epoch", memberField(user)},
		[]any{"zcard", l.members()},
		[]any{"zrangebyscore", l.members(), "(" + strconv.FormatInt(after, 10), "+inf", "withscores", "limit", 0, limit})
	s.run(ctx, "members", o)
	if o.err != nil {
		return Members{}, fmt.Errorf("members of group %d: %w", group, o.err)
	}
	switch head, _ := o.reply[0].([]any); {
	case !l.closed() || len(head) != 2 || text(head[0]) == "":
		return Members{}, fmt.Errorf("members of group %d: %w", group, ErrNoGroup)
	case !belongs(text(head[1])):
		return Members{}, fmt.Errorf("members of group %d: %w", group, ErrNotMember)
	}
	return membersIn(o.reply[1], o.reply[2]), nil
}

// membersIn reads answers to ZCARD and ZRANGEBYSCORE.
func membersIn(total, page any) Members {
	m := Members{Total: integer(total)}
	pairs, _ := page.([]any)
	for pair := range slices.Chunk(pairs, 2) {
		if len(pair) == 2 {
			m.Users = append(m.Users, Account{User: integer(pair[1]), Name: text(pair[0])})
		}
	}
	return m
}

// memberField is the field of a group's hash with the membership of a user.
func memberField(user int64) string { return "m:" + strconv.FormatInt(user, 10) }

// belongs reads that field, "joined left version removed".
func belongs(membership string) bool { return joinedAt(membership) > 0 }

// joinedAt returns the number of the entry by which a member joined, or zero for a
// user who is no member.
func joinedAt(membership string) int64 {
	f := strings.Fields(membership)
	if len(f) != 4 || integer(f[1]) != 0 {
		return 0
	}
	return integer(f[0])
}

// parseGroups reads lines of group ids.
func parseGroups(lines string) []int64 {
	var groups []int64
	for line := range strings.SplitSeq(lines, "\n") {
		if id := integer(line); id > 0 {
			groups = append(groups, id)
		}
	}
	return groups
}
