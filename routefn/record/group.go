package record

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
)

// groupTries bounds the search for a free id of a group. The ids to try are spread over
// all numbers, so even a second try is rare.
const groupTries = 100

// CreateGroup makes a group without members and returns its id. If a group was made
// already by the same creator and request, it returns that group's id. If no user joins
// the group within a minute, it is deleted, and a repetition makes it anew. If the group
// of the request has ended within the last day, CreateGroup returns ErrNoGroup, so that a
// late repetition does not bring it back.
func (s *Store) CreateGroup(ctx context.Context, g NewGroup) (int64, error) {
	if err := g.check(); err != nil {
		return 0, fmt.Errorf("create group: %w", err)
	}
	seal, err := s.sealOf(ctx, g)
	if err != nil {
		return 0, fmt.Errorf("create group: %w", err)
	}
	for try := range groupTries {
		group := g.id(seal, try)
		switch made, err := s.makeGroup(ctx, group, g); {
		case err != nil:
			return 0, fmt.Errorf("create group: %w", err)
		case made:
			return group, nil
		}
	}
	return 0, fmt.Errorf("create group: %w: no free id", ErrUnavailable)
}

// makeGroup makes a group with the given id, or finds that the same request has made it.
// It returns false if another group has the id.
func (s *Store) makeGroup(ctx context.Context, group int64, g NewGroup) (bool, error) {
	genesis, err := s.genesis(ctx)
	if err != nil {
		return false, err
	}
	l, errs := logref.Ref{Group: group}, make([]error, 1)
	if s.sweepLater(ctx, []logref.Ref{l}, errs, groupRest.Milliseconds()); errs[0] != nil {
		return false, errs[0]
	}
	o := l.GroupScript(createScript, []string{l.Leases(), l.End()}, proto.Epoch(rand.Uint64()).String(), genesis, g.Name, g.Creator, g.ID)
	if s.Accept(ctx, "create", o); o.Err != nil {
		return false, o.Err
	}
	if op.Text(o.Reply[0]) == "ended" {
		return false, fmt.Errorf("%w: the one that this request made has ended", ErrNoGroup)
	}
	return op.Text(o.Reply[0]) == "ok", nil
}

// sealOf returns the seal (a secret) from which the group's id is computed. That is the
// usual seal, or the earlier one if the group was made with that.
func (s *Store) sealOf(ctx context.Context, g NewGroup) (string, error) {
	if g.Earlier == "" {
		return g.Seal, nil
	}
	had, err := s.GroupRecord(ctx, g.id(g.Earlier, 0))
	if err == nil && had.Creator == g.Creator && had.Request == g.ID {
		return g.Earlier, nil
	}
	return g.Seal, err
}

func (g NewGroup) check() error {
	if g.Creator <= 0 || !proto.ValidID(g.ID) {
		return fmt.Errorf("%w: request %q of %d", ErrInvalid, g.ID, g.Creator)
	}
	if g.Name == "" {
		return nil
	}
	return op.CheckNames(g.Name)
}

// id returns the id of the group for one try. If that id belongs to another group, the
// next try gives another id. An id is computed from the request, so a repetition finds
// the group without any record of requests. Ids are spread over all numbers, because any
// user who knows an id may join. The parameter seal is one of the group's seals.
func (g NewGroup) id(seal string, try int) int64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %d%s", g.Creator, g.ID, try, seal))
	const first = proto.Everyone + 1
	return first + int64(binary.BigEndian.Uint64(sum[:])>>1)%(proto.MaxUser-first+1)
}

// Groups returns the groups to which a user belongs, by ascending id, without the group
// of everyone. It leaves out groups in the user's list of which the user is not a member.
func (s *Store) Groups(ctx context.Context, user int64) ([]Group, error) {
	hash := logref.Ref{User: user}.Hash()
	list := op.Read(hash, []any{"hget", hash, "groups"})
	s.Run(ctx, "groups", list)
	if list.Err != nil {
		return nil, fmt.Errorf("groups of %d: %w", user, list.Err)
	}
	ids := rows.ParseGroups(op.Text(list.Reply[0]))
	slices.Sort(ids)
	ops := make([]*op.Op, len(ids))
	for i, id := range ids {
		l := logref.Ref{Group: id}
		ops[i] = op.Read(l.Hash(), []any{"hmget", l.Hash(), "name", "creator", rows.MemberField(user), "owner", roleField(user)}, []any{"zcard", l.Members()})
	}
	s.Run(ctx, "groups", ops...)
	var groups []Group
	for i, o := range ops {
		if o.Err != nil {
			return nil, fmt.Errorf("groups of %d: %w", user, o.Err)
		}
		if head, _ := o.Reply[0].([]any); len(head) == 5 && rows.Belongs(op.Text(head[2])) {
			owner := ownerOf(head[3], head[1])
			groups = append(groups, Group{
				Group: ids[i], Name: op.Text(head[0]), Creator: op.Integer(head[1]), Members: op.Integer(o.Reply[1]),
				Owner: owner, Role: roleIn(user, owner, head[2], head[4]),
			})
		}
	}
	return groups, nil
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

// Members returns a page of a group's members, by ascending id. The page has the users
// with ids above the parameter after, and at most as many as limit says. The error is
// ErrNotMember if the user who asks is not a member, or ErrNoGroup.
func (s *Store) Members(ctx context.Context, user, group, after int64, limit int) (Members, error) {
	l := logref.Ref{Group: group}
	o := op.Read(l.Hash(),
		[]any{"hmget", l.Hash(), "epoch", rows.MemberField(user), "owner", "creator"},
		[]any{"zcard", l.Members()},
		[]any{"zrangebyscore", l.Members(), "(" + strconv.FormatInt(after, 10), "+inf", "withscores", "limit", 0, limit})
	s.Run(ctx, "members", o)
	if o.Err != nil {
		return Members{}, fmt.Errorf("members of group %d: %w", group, o.Err)
	}
	switch head, _ := o.Reply[0].([]any); {
	case !l.Closed() || len(head) != 4 || op.Text(head[0]) == "":
		return Members{}, fmt.Errorf("members of group %d: %w", group, ErrNoGroup)
	case !rows.Belongs(op.Text(head[1])):
		return Members{}, fmt.Errorf("members of group %d: %w", group, ErrNotMember)
	}
	m := Members{Users: rows.ParseMembers(o.Reply[2]), Total: op.Integer(o.Reply[1])}
	head, _ := o.Reply[0].([]any)
	if err := s.readRoles(ctx, l, ownerOf(head[2], head[3]), &m); err != nil {
		return Members{}, fmt.Errorf("members of group %d: %w", group, err)
	}
	return m, nil
}
