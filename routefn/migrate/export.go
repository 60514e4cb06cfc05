package migrate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/migrate/format"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/role"
)

// inboxes is how many inboxes are read at a time.
const inboxes = 100

// ExportConfig selects the data to export.
type ExportConfig struct {
	Store       *record.Store
	Credentials bool // export the hashes of passwords, too

	Progress func(Result) // gets the progress; may be nil
}

// Export writes the accounts, groups and messages of a store as JSON lines. The
// accounts come first, by their ids. Then comes each group, with its members at the
// places where they joined, and the messages that they may read. Then come the messages
// to everyone, and each inbox. Data that others write to the store meanwhile may be in
// the export or not. Export blocks until all is written or ctx ends. An export that was
// cut short lacks the last line. The ids of all accounts are in memory, eight bytes
// each.
func Export(ctx context.Context, cfg ExportConfig, w io.Writer) (Result, error) {
	return exportLines(cfg, w, func(e *exporter) error { return e.run(ctx) })
}

// exportLines writes the header, the lines that the function fill writes, and the last line.
func exportLines(cfg ExportConfig, w io.Writer, fill func(*exporter) error) (Result, error) {
	buffered := bufio.NewWriterSize(w, 64<<10)
	e := &exporter{ExportConfig: cfg, out: json.NewEncoder(buffered)}
	e.out.SetEscapeHTML(false)
	if e.Progress == nil {
		e.Progress = func(Result) {}
	}
	err := e.out.Encode(format.Header{Kind: format.KindHeader, Version: format.Version, Ends: true})
	if err == nil {
		err = fill(e)
	}
	if err == nil {
		err = e.out.Encode(format.End{Kind: format.KindEnd, Records: e.records})
	}
	if err == nil {
		err = buffered.Flush()
	}
	return e.Result, err
}

type exporter struct {
	ExportConfig
	Result
	out      *json.Encoder
	records  int64
	officers map[int64]string // the roles of users in the system, as lines have them
}

func (e *exporter) run(ctx context.Context) error {
	officers, err := e.Store.Officers(ctx)
	if err != nil {
		return err
	}
	e.officers = make(map[int64]string, len(officers))
	for _, o := range officers {
		e.officers[o.User] = o.Role.String()
	}
	users, err := e.Store.Users(ctx)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(users, step) {
		if err := e.accounts(ctx, chunk); err != nil {
			return err
		}
	}
	groups, err := e.Store.AllGroups(ctx)
	if err != nil {
		return err
	}
	for _, group := range groups {
		if err := e.group(ctx, group); err != nil {
			return fmt.Errorf("export group %d: %w", group, err)
		}
	}
	if err := e.everyone(ctx); err != nil {
		return err
	}
	for chunk := range slices.Chunk(users, inboxes) {
		if err := e.inboxes(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (e *exporter) write(value any) error {
	e.records++
	return e.out.Encode(value)
}

func (e *exporter) accounts(ctx context.Context, users []int64) error {
	accounts, errs := e.Store.AccountsByID(ctx, users)
	for i, acc := range accounts {
		if errors.Is(errs[i], record.ErrNoUser) {
			continue
		}
		if errs[i] != nil {
			return errs[i]
		}
		l := format.Account{Kind: format.KindAccount, User: acc.User, Name: acc.Name, Role: e.officers[acc.User]}
		if e.Credentials {
			l.Credential = acc.Credential
		}
		if err := e.write(l); err != nil {
			return err
		}
		e.Accounts.New++
		if acc.Credential == "" {
			e.Locked++
		}
	}
	e.Progress(e.Result)
	return nil
}

// group writes a group that has members: first the users who were removed from it, and
// then its log.
func (e *exporter) group(ctx context.Context, group int64) error {
	g, err := e.Store.GroupRecord(ctx, group)
	if err != nil {
		return err
	}
	m, err := e.Store.MembersAfter(ctx, group, 0, 1)
	if err != nil || m.Total == 0 || g.Creator == 0 {
		return err
	}
	if err := e.write(format.Group{Kind: format.KindGroup, Group: group, Name: g.Name, Creator: g.Creator, Request: g.Request}); err != nil {
		return err
	}
	e.Groups.New++
	removed, err := e.Store.RemovedFrom(ctx, group)
	if err != nil {
		return err
	}
	for _, user := range removed {
		if err := e.write(format.Member{Kind: format.KindRemoved, Group: group, User: user}); err != nil {
			return err
		}
		e.Members.New++
	}
	return e.groupLog(ctx, group)
}

// groupLog writes the messages of a group that a present member may read. Among the
// messages it writes each present member, at the place where the member joined. Members
// whose joining was trimmed from the log come first.
func (e *exporter) groupLog(ctx context.Context, group int64) error {
	members := e.Members.New
	return e.log(ctx, record.LogPart{After: proto.Position{Log: group}}, func(p record.Pulled, after int64) error {
		if first := p.Oldest - 1; first > after { // the entries between these numbers were trimmed
			if err := e.members(ctx, group, after, first); err != nil {
				return err
			}
		}
		var joining []record.Account
		for _, s := range p.Entries {
			if entry, from, _, err := open(s); err == nil && entry.Kind == proto.Kind_JOIN {
				joining = append(joining, record.Account{User: from})
			}
		}
		joined, roles, err := e.memberships(ctx, group, joining)
		if err != nil {
			return err
		}
		for _, s := range p.Entries {
			entry, from, id, err := open(s)
			if err != nil {
				return err
			}
			switch entry.Kind {
			case proto.Kind_JOIN:
				if joined[0] == s.At.Number {
					err = e.member(group, from, roles[0])
				}
				joined, roles = joined[1:], roles[1:]
			case proto.Kind_TEXT:
				if e.Members.New > members {
					err = e.message(format.Message{From: from, FromName: entry.FromName, Group: group, ID: id, Time: entry.Time, Text: entry.Text})
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// memberships returns the places at which users joined a group, and the users' roles in
// the group.
func (e *exporter) memberships(ctx context.Context, group int64, users []record.Account) ([]int64, []role.Group, error) {
	ids := make([]int64, len(users))
	for i, u := range users {
		ids[i] = u.User
	}
	joined, err := e.Store.JoinedAt(ctx, group, users)
	if err != nil {
		return nil, nil, err
	}
	roles, err := e.Store.RolesIn(ctx, group, ids...)
	if errors.Is(err, record.ErrNoGroup) { // the group ended meanwhile
		return joined, make([]role.Group, len(users)), nil
	}
	return joined, roles, err
}

func (e *exporter) member(group, user int64, has role.Group) error {
	e.Members.New++
	return e.write(format.NewMember(group, user, has))
}

// members writes those members of a group whose joining has a number n with after < n <=
// to, by the parameters.
func (e *exporter) members(ctx context.Context, group, after, to int64) error {
	for last := int64(0); ; {
		m, err := e.Store.MembersAfter(ctx, group, last, step)
		if err != nil || len(m.Users) == 0 {
			return err
		}
		joined, roles, err := e.memberships(ctx, group, m.Users)
		if err != nil {
			return err
		}
		for i, u := range m.Users {
			if joined[i] > after && joined[i] <= to {
				if err := e.member(group, u.User, roles[i]); err != nil {
					return err
				}
			}
		}
		last = m.Users[len(m.Users)-1].User
	}
}

// The method log reads a log to its end in pieces. It passes each piece to the function
// page, with the number up to which it read the log before.
func (e *exporter) log(ctx context.Context, part record.LogPart, page func(p record.Pulled, after int64) error) error {
	for {
		list, err := e.Store.ReadLogs(ctx, []record.LogPart{part})
		if err != nil {
			return err
		}
		p, after := list[0], part.After
		if p.Through == after || p.Through.Number == 0 {
			return nil
		}
		if err := page(p, after.Number); err != nil {
			return err
		}
		e.Progress(e.Result)
		if part.After = p.Through; p.Through == p.Newest {
			return nil
		}
	}
}

func (e *exporter) everyone(ctx context.Context) error {
	return e.log(ctx, record.LogPart{After: proto.Position{Log: proto.Everyone}}, func(p record.Pulled, _ int64) error {
		return e.texts(p, func(m *format.Message, _ *proto.Entry) bool {
			m.Group = proto.Everyone
			return true
		})
	})
}

// inboxes writes the inboxes of users.
func (e *exporter) inboxes(ctx context.Context, users []int64) error {
	parts := make([]record.LogPart, len(users))
	for i, user := range users {
		parts[i].User = user
	}
	list, err := e.Store.ReadLogs(ctx, parts)
	if err != nil {
		return err
	}
	for i, p := range list {
		if err := e.inbox(users[i], p); err != nil {
			return err
		}
		if p.Through == p.Newest {
			continue
		}
		parts[i].After = p.Through
		if err := e.log(ctx, parts[i], func(p record.Pulled, _ int64) error { return e.inbox(users[i], p) }); err != nil {
			return err
		}
	}
	e.Progress(e.Result)
	return nil
}

func (e *exporter) inbox(user int64, p record.Pulled) error {
	return e.texts(p, func(m *format.Message, entry *proto.Entry) bool {
		if m.To, m.Confirm = entry.To, entry.Confirm; m.To != user {
			m.In = user
		}
		return m.To == user || m.From == user
	})
}

// texts writes messages of p, a piece of a log. The function fill completes the line of a
// message. If it returns false, texts leaves out the message.
func (e *exporter) texts(p record.Pulled, fill func(*format.Message, *proto.Entry) bool) error {
	for _, s := range p.Entries {
		entry, from, id, err := open(s)
		if err != nil {
			return err
		}
		m := format.Message{From: from, FromName: entry.FromName, ID: id, Time: entry.Time, Text: entry.Text}
		if entry.Kind == proto.Kind_TEXT && fill(&m, entry) {
			if err := e.message(m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *exporter) message(m format.Message) error {
	e.Messages.New++
	m.Kind = format.KindMessage
	return e.write(m)
}

// open decodes an entry of a log.
func open(s *proto.Stored) (entry *proto.Entry, from int64, id string, err error) {
	entry = new(proto.Entry)
	if err = pb.Unmarshal(s.Entry, entry); err == nil {
		from, id, err = proto.ParseKey(s.Key)
	}
	if err != nil {
		return nil, 0, "", fmt.Errorf("entry %q cannot be read: %w", s.Key, err)
	}
	return entry, from, id, nil
}
