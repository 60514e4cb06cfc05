package migrate

import (
	"context"
	"errors"

	"github.com/cim-go/cim/routefn/migrate/format"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/transfer"
	"github.com/cim-go/cim/routefn/role"
)

// lastMessage is the latest message that was read from a file, and the user or the group
// whose log has it.
type lastMessage struct {
	user, group int64
	key         string
}

// bind connects subjects with their accounts, which it finds by the accounts' names. It
// skips an account that was left out, or that has another credential.
func (f *fromLines) bind(ctx context.Context, subjects map[string]accounts.Subject) error {
	for name, subject := range subjects {
		err := f.again(ctx, func() error { return f.Store.BindSubject(ctx, subject, name) })
		if err != nil && !errors.Is(err, record.ErrNoUser) && !errors.Is(err, record.ErrNameTaken) {
			return err
		}
	}
	return nil
}

// systemRoles gives the accounts their roles in the system. It skips accounts that have a
// role in this store already, and accounts that were left out.
func (f *fromLines) systemRoles(ctx context.Context, lines []format.Line) error {
	for _, l := range lines {
		a := l.Value.(*format.Account)
		next, _ := role.ParseSystem(a.Role)
		if next == role.User || f.people[a.User].bad != "" {
			continue
		}
		err := f.again(ctx, func() error {
			has, err := f.Store.SystemRole(ctx, a.User)
			if err != nil || has != role.User {
				return err
			}
			return f.Store.SetSystemRole(ctx, a.User, next)
		})
		if err := f.leaveDetail(l, a.User, 0, err); err != nil {
			return err
		}
	}
	return nil
}

// roles gives roles to members who have no role in this store. The parameter answers has
// the outcome of the import of each member.
func (f *fromLines) roles(ctx context.Context, lines []format.Line, answers []transfer.ImportedMember) error {
	for i, l := range lines {
		m := l.Value.(*format.Member)
		next, named := role.ParseGroup(m.Role)
		if !named || next == role.Member || answers[i].Err != nil || f.Dry {
			continue
		}
		err := f.again(ctx, func() error { return f.Store.ImportRole(ctx, m.Group, m.User, next) })
		if err := f.leaveDetail(l, m.User, m.Group, err); err != nil {
			return err
		}
	}
	return nil
}

// ownLines imports lines about one user, all of one kind. Only cursors are imported; the
// other kinds are for reading.
func (f *fromLines) ownLines(ctx context.Context, lines []format.Line) error {
	for _, l := range lines {
		c, ok := l.Value.(*format.Cursor)
		if !ok {
			f.Details.Left++
			f.Left(Left{Kind: l.Kind, Line: l.Number, Reason: "such lines are for reading"})
			continue
		}
		if err := f.meet(ctx, map[int64]bool{c.User: true}); err != nil {
			return err
		}
		if err := f.cursor(ctx, l, c); err != nil {
			return err
		}
	}
	return nil
}

// cursor imports a cursor, if messages of its log stand before it in the file. Without
// such messages, the device has read nothing, so there is nothing to import.
func (f *fromLines) cursor(ctx context.Context, l format.Line, c *format.Cursor) error {
	if bad := f.people[c.User].bad; bad != "" {
		return f.leaveDetail(l, c.User, c.Group, errors.New(bad))
	}
	if f.last.group != c.Group || c.Group == 0 && f.last.user != c.User {
		return nil
	}
	if f.Dry {
		f.Details.New++
		return nil
	}
	var given bool
	err := f.again(ctx, func() (err error) {
		given, err = f.Store.ImportCursor(ctx, record.ImportedCursor{User: c.User, Device: c.Device, Group: c.Group, Key: f.last.key})
		return err
	})
	switch {
	case err != nil:
		return f.leaveDetail(l, c.User, c.Group, err)
	case given:
		f.Details.New++
	default:
		f.Details.Had++
	}
	return nil
}

// leaveDetail counts and reports an error if the store refused something for good. It
// returns any other error.
func (f *fromLines) leaveDetail(l format.Line, user, group int64, err error) error {
	if err == nil || errors.Is(err, record.ErrUnavailable) || errors.Is(err, record.ErrUnknown) {
		return err
	}
	f.Details.Left++
	f.Left(Left{Kind: l.Kind, User: user, Group: group, Line: l.Number, Reason: err.Error()})
	return nil
}
