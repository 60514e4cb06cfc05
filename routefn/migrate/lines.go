package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/migrate/format"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/transfer"
)

// FromLines imports JSON lines. It stops at the first malformed line. Its error then wraps
// format.ErrLine and names the line. All lines before that one are imported. It blocks
// until all is done or ctx ends. After an error, the Result counts all that was done
// before it. To continue, call FromLines again with all lines.
func FromLines(ctx context.Context, cfg Config, r io.Reader) (Result, error) {
	im, err := newImporter(ctx, cfg)
	if err != nil {
		return Result{}, err
	}
	in, err := format.NewReader(r)
	if err != nil {
		return Result{}, err
	}
	f := &fromLines{importer: im, groups: make(map[int64]string)}
	err = f.run(ctx, in)
	return f.Result, err
}

type fromLines struct {
	*importer
	last   lastMessage      // the latest message that was not left out
	groups map[int64]string // for each group that is left out, the reason; empty for a group that a dry run would make

	lines []format.Line // read and not imported yet, all of one kind
	bytes int
}

func (f *fromLines) run(ctx context.Context, in *format.Reader) error {
	for {
		l, err := in.Next()
		if err != nil {
			if flushErr := f.flush(ctx); flushErr != nil {
				return flushErr
			}
			if err == io.EOF {
				return nil
			}
			return err
		}
		if len(f.lines) > 0 && !follows(f.lines[len(f.lines)-1], l) || len(f.lines) >= stepCount || f.bytes >= stepTexts {
			if err := f.flush(ctx); err != nil {
				return err
			}
		}
		f.lines = append(f.lines, l)
		if m, ok := l.Value.(*format.Message); ok {
			f.bytes += len(m.Text)
		}
	}
}

// follows reports whether a line may be imported in one step with the one before it.
func follows(before, l format.Line) bool {
	if a, ok := before.Value.(*format.Member); ok && l.Kind == before.Kind {
		return a.Group == l.Value.(*format.Member).Group
	}
	return l.Kind == before.Kind
}

// flush imports the lines that were read.
func (f *fromLines) flush(ctx context.Context) error {
	lines := f.lines
	f.lines, f.bytes = nil, 0
	if len(lines) == 0 {
		return nil
	}
	switch lines[0].Kind {
	case format.KindAccount:
		return f.accountLines(ctx, lines)
	case format.KindGroup:
		return f.groupLines(ctx, lines)
	case format.KindMember, format.KindRemoved:
		return f.memberLines(ctx, lines)
	case format.KindMessage:
		return f.messageLines(ctx, lines)
	default:
		return f.ownLines(ctx, lines)
	}
}

func (f *fromLines) accountLines(ctx context.Context, lines []format.Line) error {
	list, numbers := make([]record.Account, len(lines)), make([]int64, len(lines))
	passwords := make(map[int]string)
	subjects := make(map[string]accounts.Subject)
	for i, l := range lines {
		a := l.Value.(*format.Account)
		list[i], numbers[i] = record.Account{User: a.User, Name: a.Name, Credential: a.Credential}, l.Number
		if a.Password != "" {
			passwords[i] = a.Password
		}
		if a.Subject != "" {
			subjects[a.Name] = accounts.Subject{Issuer: a.Issuer, ID: a.Subject}
			list[i].Credential = subjects[a.Name].Credential()
		}
	}
	if err := f.hash(ctx, list, passwords); err != nil {
		return err
	}
	if err := f.accounts(ctx, list, numbers); err != nil || f.Dry {
		return err
	}
	if err := f.bind(ctx, subjects); err != nil {
		return err
	}
	return f.systemRoles(ctx, lines)
}

// hash sets the credential of each account in list that has a password and needs a
// credential. The parameter passwords has the passwords, by the index in list. Each
// password takes a processor some 20 ms.
func (f *fromLines) hash(ctx context.Context, list []record.Account, passwords map[int]string) error {
	if len(passwords) == 0 {
		return nil
	}
	var answers []accounts.ImportedAccount
	err := f.again(ctx, func() error {
		answers = f.Store.ImportAccounts(ctx, list, true)
		for _, a := range answers {
			if a.Err != nil && !errors.Is(a.Err, record.ErrInvalid) {
				return a.Err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, secret := range passwords {
		if answers[i].State == accounts.ImportClash || !answers[i].Locked {
			continue
		}
		if f.Dry {
			list[i].Credential = "of a dry run"
			continue
		}
		free <- struct{}{}
		all.Go(func() {
			if ctx.Err() == nil {
				list[i].Credential = identity.HashPassword(secret)
			}
			<-free
		})
	}
	all.Wait()
	return ctx.Err()
}

// meet finds out which of the users have accounts, and remembers that.
func (f *fromLines) meet(ctx context.Context, users map[int64]bool) error {
	var ids []int64
	for user := range users {
		if _, met := f.people[user]; !met {
			ids = append(ids, user)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return f.again(ctx, func() error {
		accounts, errs := f.Store.AccountsByID(ctx, ids)
		for i, err := range errs {
			switch {
			case err == nil:
				f.meetAs(ids[i], person{name: accounts[i].Name})
			case errors.Is(err, record.ErrNoUser):
				f.meetAs(ids[i], person{bad: "there is no account of that id"})
			default:
				return err
			}
		}
		return nil
	})
}

func (f *fromLines) groupLines(ctx context.Context, lines []format.Line) error {
	users := make(map[int64]bool)
	for _, l := range lines {
		users[l.Value.(*format.Group).Creator] = true
	}
	if err := f.meet(ctx, users); err != nil {
		return err
	}
	for _, l := range lines {
		if err := f.groupLine(ctx, l); err != nil {
			return err
		}
	}
	f.Progress(f.Result)
	return nil
}

func (f *fromLines) groupLine(ctx context.Context, l format.Line) error {
	g := l.Value.(*format.Group)
	bad := ""
	if creator := f.people[g.Creator]; creator.bad != "" {
		bad = fmt.Sprintf("its creator %d is left out: %s", g.Creator, creator.bad)
	}
	if bad == "" {
		var state accounts.ImportState
		err := f.again(ctx, func() (err error) {
			state, err = f.Store.ImportGroup(ctx, transfer.Group{Group: g.Group, Name: g.Name, Creator: g.Creator, Request: g.Request}, f.Dry)
			return err
		})
		switch {
		case errors.Is(err, record.ErrNoGroup):
			bad = "it ended within the last day, and may be made anew after that"
		case errors.Is(err, record.ErrInvalid):
			bad = "its name has control characters, or more than 256 bytes"
		case err != nil:
			return err
		case state == accounts.ImportClash:
			bad = "the id belongs to another group here"
		case state == accounts.ImportNew:
			f.Groups.New++
		default:
			f.Groups.Had++
		}
	}
	if bad != "" {
		f.Groups.Left++
		f.Left(Left{Kind: format.KindGroup, Group: g.Group, Name: g.Name, Line: l.Number, Reason: bad})
	}
	if bad != "" || f.Dry {
		f.groups[g.Group] = bad
	}
	return nil
}

// memberLines imports lines about members, all of one kind and one group.
func (f *fromLines) memberLines(ctx context.Context, lines []format.Line) error {
	users := make(map[int64]bool)
	for _, l := range lines {
		users[l.Value.(*format.Member).User] = true
	}
	if err := f.meet(ctx, users); err != nil {
		return err
	}
	group := lines[0].Value.(*format.Member).Group
	var list []record.Account
	var of []format.Line
	for _, l := range lines {
		user := l.Value.(*format.Member).User
		switch who, bad := f.people[user], f.groups[group]; {
		case bad != "":
			f.leaveMember(l, "the group is left out: "+bad)
		case who.bad != "":
			f.leaveMember(l, who.bad)
		default:
			list, of = append(list, record.Account{User: user, Name: who.name}), append(of, l)
		}
	}
	enter := f.Store.ImportMembers
	if lines[0].Kind == format.KindRemoved {
		enter = f.Store.ImportRemoved
	}
	var answers []transfer.ImportedMember
	err := f.again(ctx, func() error {
		answers = enter(ctx, group, list, f.Dry)
		for _, a := range answers {
			if errors.Is(a.Err, record.ErrUnavailable) || errors.Is(a.Err, record.ErrUnknown) {
				return a.Err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, planned := f.groups[group] // a dry run planned the group
	for i, a := range answers {
		switch {
		case errors.Is(a.Err, record.ErrNoGroup) && !planned:
			f.leaveMember(of[i], "there is no such group")
		case errors.Is(a.Err, record.ErrTooManyGroups):
			f.leaveMember(of[i], fmt.Sprintf("the user has %d groups already", proto.MaxGroups))
		case errors.Is(a.Err, record.ErrRemoved):
			f.leaveMember(of[i], "the user was removed from the group here")
		case a.Err != nil && !planned:
			f.leaveMember(of[i], a.Err.Error())
		case a.State == accounts.ImportThere:
			f.Members.Had++
		default:
			f.Members.New++
		}
	}
	f.Progress(f.Result)
	return f.roles(ctx, of, answers)
}

func (f *fromLines) leaveMember(l format.Line, reason string) {
	m := l.Value.(*format.Member)
	f.Members.Left++
	f.Left(Left{Kind: l.Kind, User: m.User, Group: m.Group, Line: l.Number, Reason: reason})
}

func (f *fromLines) messageLines(ctx context.Context, lines []format.Line) error {
	users := make(map[int64]bool)
	for _, l := range lines {
		m := l.Value.(*format.Message)
		users[m.From] = true
		if m.Group == 0 {
			users[cmp.Or(m.In, m.To)] = true
		}
	}
	if err := f.meet(ctx, users); err != nil {
		return err
	}
	if err := f.planned(ctx, lines); err != nil {
		return err
	}
	var load load
	for _, l := range lines {
		m := l.Value.(*format.Message)
		out := transfer.Message{
			From: m.From, FromName: cmp.Or(m.FromName, f.people[m.From].name), ID: m.ID,
			To: m.To, Group: m.Group, Text: m.Text, Time: m.Time, Confirm: m.Confirm,
		}
		to := transfer.Backlog{Group: m.Group}
		if m.Group == 0 {
			to.User = cmp.Or(m.In, m.To)
		}
		if reason := f.refuses(to, out); reason != "" {
			f.leave(Left{Kind: format.KindMessage, User: to.User, Group: m.Group, ID: m.ID, Line: l.Number, Reason: reason})
			continue
		}
		load.add(to, out)
		f.last = lastMessage{to.User, to.Group, proto.Key(m.From, m.ID)}
	}
	return f.unload(ctx, &load)
}

// planned is for a dry run. It looks up the groups that the lines name, unless the run
// has met them before. If a group does not exist, its messages are left out.
func (f *fromLines) planned(ctx context.Context, lines []format.Line) error {
	for _, l := range lines {
		group := l.Value.(*format.Message).Group
		if _, met := f.groups[group]; met || !f.Dry || group <= proto.Everyone {
			continue
		}
		err := f.again(ctx, func() error {
			g, err := f.Store.GroupRecord(ctx, group)
			if err == nil && g.Creator == 0 {
				f.groups[group] = "there is no such group"
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// refuses returns the reason to leave out a message, or an empty text if there is none.
func (f *fromLines) refuses(to transfer.Backlog, m transfer.Message) string {
	var reasons []string
	for _, part := range [][2]string{
		{"its sender", f.people[m.From].bad}, {"its receiver", f.people[to.User].bad}, {"its group", f.groups[to.Group]},
	} {
		if part[1] != "" {
			reasons = append(reasons, part[0]+" is left out: "+part[1])
		}
	}
	if len(reasons) > 0 {
		return strings.Join(reasons, "; ")
	}
	return f.checkMessage(m)
}
