package record

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
)

func (g GroupRecord) check() error {
	if g.Group <= proto.Everyone || g.Group > proto.MaxUser {
		return fmt.Errorf("%w: group %d", ErrInvalid, g.Group)
	}
	return NewGroup{Creator: g.Creator, ID: g.Request, Name: g.Name}.check()
}

// ImportGroup makes a group with the id that it has elsewhere, without members. A group
// that nobody joins within a minute is deleted. ImportGroup returns ImportThere if the
// same creator and request made the group already, and ImportClash if the id belongs to
// another group. It returns ErrNoGroup if the same group has ended within the last day.
// If dry is set, nothing is written.
func (s *Store) ImportGroup(ctx context.Context, g GroupRecord, dry bool) (accounts.ImportState, error) {
	state, err := s.importGroup(ctx, g, dry)
	if err != nil {
		return 0, fmt.Errorf("import group %d: %w", g.Group, err)
	}
	return state, nil
}

func (s *Store) importGroup(ctx context.Context, g GroupRecord, dry bool) (accounts.ImportState, error) {
	if err := g.check(); err != nil {
		return 0, err
	}
	had, err := s.GroupRecord(ctx, g.Group)
	switch {
	case err != nil:
		return 0, err
	case had.Creator == g.Creator && had.Request == g.Request:
		return accounts.ImportThere, nil
	case had.Creator != 0:
		return accounts.ImportClash, nil
	case dry:
		return accounts.ImportNew, nil
	}
	genesis, err := s.genesis(ctx)
	if err != nil {
		return 0, err
	}
	l, errs := logref.Ref{Group: g.Group}, make([]error, 1)
	if s.sweepLater(ctx, []logref.Ref{l}, errs, groupRest.Milliseconds()); errs[0] != nil {
		return 0, errs[0]
	}
	o := l.GroupScript(createScript, []string{l.Leases(), l.End()}, proto.Epoch(rand.Uint64()).String(), genesis, g.Name, g.Creator, g.Request)
	s.Accept(ctx, "create", o)
	switch {
	case o.Err != nil:
		return 0, o.Err
	case op.Text(o.Reply[0]) == "ok":
		return accounts.ImportNew, nil
	case op.Text(o.Reply[0]) == "ended":
		return 0, fmt.Errorf("%w: it has ended", ErrNoGroup)
	}
	return accounts.ImportClash, nil
}

// ImportedMember is the answer for one member. Err has the values that Changed.Err has.
type ImportedMember struct {
	Err   error
	State accounts.ImportState // ImportThere: the user belongs, belonged once, or was removed
}

// ImportMembers makes users members of a group, in their order. It passes over users
// who are members or once were. If dry is set, nothing is written. Repeating it is
// harmless.
func (s *Store) ImportMembers(ctx context.Context, group int64, users []Account, dry bool) []ImportedMember {
	answers := make([]ImportedMember, len(users))
	had, err := s.memberships(ctx, group, users)
	var changes []Change
	var of []int
	for i, u := range users {
		switch {
		case err != nil:
			answers[i].Err = err
		case had[i] != "":
			answers[i].State = accounts.ImportThere
		default:
			answers[i].State = accounts.ImportNew
			changes, of = append(changes, Change{User: u.User, Name: u.Name, Group: group, Once: true}), append(of, i)
		}
	}
	if dry {
		return answers
	}
	for j, c := range s.ChangeGroups(ctx, changes) {
		answers[of[j]].Err = c.Err
	}
	return answers
}

// ImportRemoved records that users were removed from a group, so that they can join
// only if the creator adds them. Nothing changes for present and former members. If dry
// is set, nothing is written.
func (s *Store) ImportRemoved(ctx context.Context, group int64, users []Account, dry bool) []ImportedMember {
	answers := make([]ImportedMember, len(users))
	g, err := s.GroupRecord(ctx, group)
	if err == nil && g.Creator == 0 {
		err = ErrNoGroup
	}
	var had []string
	if err == nil {
		had, err = s.memberships(ctx, group, users)
	}
	var ops []*op.Op
	var of []int
	hash := logref.Ref{Group: group}.Hash()
	for i, u := range users {
		switch {
		case err != nil:
			answers[i].Err = fmt.Errorf("import removal from group %d: %w", group, err)
		case had[i] != "":
			answers[i].State = accounts.ImportThere
		default:
			answers[i].State = accounts.ImportNew
			ops, of = append(ops, op.Write(hash, []any{"hsetnx", hash, rows.MemberField(u.User), removedMember})), append(of, i)
		}
	}
	if dry {
		return answers
	}
	s.Accept(ctx, "change", ops...)
	for j, o := range ops {
		answers[of[j]].Err = o.Err
	}
	return answers
}

// removedMember is the membership of a user who was removed and never joined here: see
// member.lua.
const removedMember = "0 0 0 1"

// memberships returns the membership of each user, as the hash of the group has it;
// empty: there is none.
func (s *Store) memberships(ctx context.Context, group int64, users []Account) ([]string, error) {
	fields := make([]string, len(users))
	if len(users) == 0 {
		return fields, nil
	}
	hash := logref.Ref{Group: group}.Hash()
	get := []any{"hmget", hash}
	for _, u := range users {
		get = append(get, rows.MemberField(u.User))
	}
	o := op.Read(hash, get)
	s.Run(ctx, "members", o)
	if o.Err != nil {
		return nil, o.Err
	}
	values, _ := o.Reply[0].([]any)
	for i := range min(len(values), len(fields)) {
		fields[i] = op.Text(values[i])
	}
	return fields, nil
}
