package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
	"github.com/cim-go/cim/routefn/role"
)

const (
	// mostAdmins is how many admins a group may have beside its owner.
	mostAdmins = 50
	// mostOfficers is how many moderators and operators the system may have together.
	mostOfficers = 500
	// If roles change while a request is decided, it is decided again, judgeTries times
	// in all.
	judgeTries = 3
)

// errRolesChanged means that roles have changed since the decision about a change.
var errRolesChanged = fmt.Errorf("%w: roles change at the same time", ErrUnavailable)

// A standing is what a group knows about the roles of some users.
type standing struct {
	version string // version of the roles, which scripts compare
	owner   int64  // the owner, who counts only while being a member
	roles   []role.Group
}

// roleField returns the name of the field of a group's hash that has a user's role. An
// ordinary member has no such field.
func roleField(user int64) string { return "r:" + strconv.FormatInt(user, 10) }

// readStanding returns an op that reads the roles of users in a group.
func readStanding(l logref.Ref, users ...int64) *op.Op {
	step := []any{"hmget", l.Hash(), "epoch", "rights", "owner", "creator"}
	for _, user := range users {
		step = append(step, rows.MemberField(user), roleField(user))
	}
	return op.Read(l.Hash(), step)
}

// standingIn reads the answer to readStanding. It returns ErrNoGroup if there is no such
// group.
func standingIn(o *op.Op, users ...int64) (standing, error) {
	if o.Err != nil {
		return standing{}, o.Err
	}
	head, _ := o.Reply[0].([]any)
	if len(head) != 4+2*len(users) || op.Text(head[0]) == "" {
		return standing{}, ErrNoGroup
	}
	s := standing{version: op.Text(head[1]), owner: ownerOf(head[2], head[3])}
	if s.version == "" {
		s.version = "0"
	}
	for i, user := range users {
		s.roles = append(s.roles, roleIn(user, s.owner, head[4+2*i], head[5+2*i]))
	}
	return s, nil
}

// ownerOf returns the owner of a group, from the fields owner and creator.
func ownerOf(owner, creator any) int64 {
	if id := op.Integer(owner); id != 0 {
		return id
	}
	return op.Integer(creator)
}

// roleIn returns the role of a user, from the fields with the membership and the role.
func roleIn(user, owner int64, membership, word any) role.Group {
	if !rows.Belongs(op.Text(membership)) {
		return role.Stranger
	}
	if user == owner {
		return role.Owner
	}
	if r, ok := role.ParseGroup(op.Text(word)); ok {
		return r
	}
	return role.Member
}

// writersOf returns the roles that may write to the log, in the form for append.lua. It
// returns an empty text if all may write.
func (s *Store) writersOf(l logref.Ref) string {
	switch {
	case l.Closed():
		return "," + wordOf(role.Member) + "," + wordOf(role.Admin) + ","
	case l.Group != proto.Everyone || s.rules.MayReachEveryone(role.User):
		return ""
	}
	list := ","
	for _, r := range []role.System{role.Moderator, role.Operator} {
		if s.rules.MayReachEveryone(r) {
			list += r.String() + ","
		}
	}
	return list
}

// wordOf returns a role in the form of the user's field. An ordinary member has no such
// field. The owner has none, either, because the group's field owner names the owner.
func wordOf(r role.Group) string {
	if r == role.Member || r == role.Owner {
		return ""
	}
	return r.String()
}

// verdict says whether a change of another user's membership may be tried.
type verdict struct {
	version string // version of the roles on which the verdict is based
	err     error  // ErrNotCreator, ErrNoGroup, or the error of a store that did not answer
}

// judge decides which changes that one user requested for another may be tried. For
// changes that users requested for themselves, the verdict is zero.
func (s *Store) judge(ctx context.Context, changes []Change) []verdict {
	type question struct{ group, by, user int64 }
	verdicts, asked := make([]verdict, len(changes)), make([]question, len(changes))
	of := make(map[question]*op.Op)
	var ops []*op.Op
	for i, c := range changes {
		if c.own() {
			continue
		}
		q := question{c.Group, c.By, c.By} // the role of an added user does not matter
		if c.Leave {
			q.user = c.User
		}
		if asked[i] = q; of[q] == nil {
			of[q] = readStanding(logref.Ref{Group: q.group}, q.by, q.user)
			ops = append(ops, of[q])
		}
	}
	s.Run(ctx, "groups", ops...)
	for i, c := range changes {
		if c.own() {
			continue
		}
		now, err := standingIn(of[asked[i]], c.By, asked[i].user)
		if err == nil && !c.allowed(now.roles[0], now.roles[1]) {
			err = ErrNotCreator
		}
		verdicts[i] = verdict{now.version, err}
	}
	return verdicts
}

// allowed reports whether a caller may request the change for a user. The parameter by is
// the role of the caller. The parameter of is the role of the user.
func (c Change) allowed(by, of role.Group) bool {
	if c.Leave {
		return by.MayRemove(of)
	}
	return by.MayAdd()
}

// RoleIn returns the role of a user in a group, which is role.Stranger for a user who does
// not belong to it. The error is ErrNoGroup or ErrUnavailable.
func (s *Store) RoleIn(ctx context.Context, user, group int64) (role.Group, error) {
	roles, err := s.RolesIn(ctx, group, user)
	if err != nil {
		return role.Stranger, fmt.Errorf("role of %d: %w", user, err)
	}
	return roles[0], nil
}

// RolesIn does what RoleIn does, for several users.
func (s *Store) RolesIn(ctx context.Context, group int64, users ...int64) ([]role.Group, error) {
	o := readStanding(logref.Ref{Group: group}, users...)
	s.Run(ctx, "groups", o)
	now, err := standingIn(o, users...)
	if err != nil {
		return nil, fmt.Errorf("roles in group %d: %w", group, err)
	}
	return now.roles, nil
}

// readRoles reads the roles of all users in m.
func (s *Store) readRoles(ctx context.Context, l logref.Ref, owner int64, m *Members) error {
	if len(m.Users) == 0 {
		return nil
	}
	step := []any{"hmget", l.Hash()}
	for _, u := range m.Users {
		step = append(step, rows.MemberField(u.User), roleField(u.User))
	}
	o := op.Read(l.Hash(), step)
	s.Run(ctx, "members", o)
	if o.Err != nil {
		return o.Err
	}
	fields, _ := o.Reply[0].([]any)
	for i, u := range m.Users {
		if len(fields) != len(step)-2 {
			return fmt.Errorf("%w: roles cannot be read", ErrUnavailable)
		}
		m.Roles = append(m.Roles, roleIn(u.User, owner, fields[2*i], fields[2*i+1]))
	}
	return nil
}

// GiveRole gives a member of a group a role. The parameter by is the user who requests
// that. The role role.Owner hands the group over, and makes that user an admin. A
// repetition is harmless. The error is ErrNoGroup, ErrNotMember, ErrNotCreator,
// ErrTooManyOfficers, ErrInvalid, ErrUnavailable or ErrUnknown.
func (s *Store) GiveRole(ctx context.Context, by, group, user int64, next role.Group) error {
	err := fmt.Errorf("%w: group %d", ErrInvalid, group)
	if group > proto.Everyone && user > 0 && by > 0 {
		err = errRolesChanged
	}
	for try := 0; try < judgeTries && errors.Is(err, errRolesChanged); try++ {
		err = s.giveRole(ctx, by, logref.Ref{Group: group}, user, next)
	}
	if err != nil {
		return fmt.Errorf("make %d %s of group %d: %w", user, next, group, err)
	}
	return nil
}

func (s *Store) giveRole(ctx context.Context, by int64, l logref.Ref, user int64, next role.Group) error {
	read := readStanding(l, by, user)
	s.Run(ctx, "groups", read)
	now, err := standingIn(read, by, user)
	if err != nil {
		return err
	}
	caller, had := now.roles[0], now.roles[1]
	switch {
	case had == next && caller.MayAdd(): // so repeating a handover changes nothing
		return nil
	case caller == role.Stranger || had == role.Stranger:
		return ErrNotMember
	case !caller.MayGive(had, next):
		return ErrNotCreator
	}
	owner := ""
	roles := []any{user, wordOf(next), next == role.Admin}
	if next == role.Owner {
		owner = strconv.FormatInt(user, 10)
		roles = slices.Concat(roles, []any{by, wordOf(role.Admin), true})
	}
	return s.setRoles(ctx, l, slices.Concat([]any{now.version, user, owner, mostAdmins}, roles)...)
}

// setRoles runs role.lua, whose arguments are args, on a group.
func (s *Store) setRoles(ctx context.Context, l logref.Ref, args ...any) error {
	o := l.HashScript(roleScript, args...)
	s.Accept(ctx, "role", o)
	if o.Err != nil {
		return o.Err
	}
	switch op.Text(o.Reply[0]) {
	case "nolog":
		return ErrNoGroup
	case "changed":
		return errRolesChanged
	case "stranger":
		return ErrNotMember
	case "full":
		return ErrTooManyOfficers
	}
	return nil
}
