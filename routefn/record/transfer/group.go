package transfer

import (
	"context"
	"fmt"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
)

// GroupRecord returns a group. If the result has no creator, the group does not exist.
func (s *Transfers) GroupRecord(ctx context.Context, group int64) (Group, error) {
	hash := logref.Ref{Group: group}.Hash()
	o := op.Read(hash, []any{"hmget", hash, "creator", "request", "name"})
	s.db.Run(ctx, "groups", o)
	if o.Err != nil {
		return Group{}, o.Err
	}
	f, _ := o.Reply[0].([]any)
	if len(f) != 3 {
		return Group{}, fmt.Errorf("%w: group %d cannot be read", op.ErrUnavailable, group)
	}
	return Group{Group: group, Creator: op.Integer(f[0]), Request: op.Text(f[1]), Name: op.Text(f[2])}, nil
}

func (g Group) check() error {
	if g.Group <= proto.Everyone || g.Group > proto.MaxUser {
		return fmt.Errorf("%w: group %d", op.ErrInvalid, g.Group)
	}
	if g.Creator <= 0 || !proto.ValidID(g.Request) {
		return fmt.Errorf("%w: request %q of %d", op.ErrInvalid, g.Request, g.Creator)
	}
	if g.Name == "" {
		return nil
	}
	return op.CheckNames(g.Name)
}

// ImportGroup makes a group without members. The group gets the id that it has in the
// other system. If nobody joins it within a minute, it is deleted. ImportGroup returns
// ImportThere if the same creator and request made the group already, and ImportClash if
// the id belongs to another group. It returns ErrNoGroup if the same group has ended
// within the last day. If the parameter dry is set, nothing is written.
func (s *Transfers) ImportGroup(ctx context.Context, g Group, dry bool) (accounts.ImportState, error) {
	state, err := s.importGroup(ctx, g, dry)
	if err != nil {
		return 0, fmt.Errorf("import group %d: %w", g.Group, err)
	}
	return state, nil
}

func (s *Transfers) importGroup(ctx context.Context, g Group, dry bool) (accounts.ImportState, error) {
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
	made, err := s.groups.Make(ctx, g)
	if err == nil && !made {
		return accounts.ImportClash, nil
	}
	return accounts.ImportNew, err
}

// ImportedMember is the answer for one member. Err has the same values as
// record.Changed.Err.
type ImportedMember struct {
	Err   error
	State accounts.ImportState // ImportThere: the user belongs, belonged once, or was removed
}

// ImportMembers makes users members of a group, in their order. It skips users who are
// members or once were. If the parameter dry is set, nothing is written. Repeating is
// harmless.
func (s *Transfers) ImportMembers(ctx context.Context, group int64, users []accounts.Account, dry bool) []ImportedMember {
	answers := make([]ImportedMember, len(users))
	had, err := s.memberships(ctx, group, users)
	var enter []accounts.Account
	var of []int
	for i, u := range users {
		switch {
		case err != nil:
			answers[i].Err = err
		case had[i] != "":
			answers[i].State = accounts.ImportThere
		default:
			answers[i].State = accounts.ImportNew
			enter, of = append(enter, u), append(of, i)
		}
	}
	if dry {
		return answers
	}
	for j, err := range s.groups.Enter(ctx, group, enter) {
		answers[of[j]].Err = err
	}
	return answers
}

// ImportRemoved records that users were removed from a group, so that they can join only
// if the creator adds them. Nothing changes for present and former members. If the
// parameter dry is set, nothing is written.
func (s *Transfers) ImportRemoved(ctx context.Context, group int64, users []accounts.Account, dry bool) []ImportedMember {
	answers := make([]ImportedMember, len(users))
	g, err := s.GroupRecord(ctx, group)
	if err == nil && g.Creator == 0 {
		err = logref.ErrNoGroup
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
	s.db.Accept(ctx, "change", ops...)
	for j, o := range ops {
		answers[of[j]].Err = o.Err
	}
	return answers
}

// removedMember is the membership of a user who was removed and never joined here
// (member.lua).
const removedMember = "0 0 0 1"

// memberships returns the membership of each user in the form of the group's hash. It is
// empty for a user who never was a member.
func (s *Transfers) memberships(ctx context.Context, group int64, users []accounts.Account) ([]string, error) {
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
	s.db.Run(ctx, "members", o)
	if o.Err != nil {
		return nil, o.Err
	}
	values, _ := o.Reply[0].([]any)
	for i := range min(len(values), len(fields)) {
		fields[i] = op.Text(values[i])
	}
	return fields, nil
}
