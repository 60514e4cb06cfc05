package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/migrate/format"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/transfer"
)

// Config sets the store to import into, and how to import.
type Config struct {
	Store *record.Store
	Dry   bool // write nothing

	MaxText   int           // the longest text of a message, in bytes; zero: proto.MaxText, the default of routes
	KeepAge   time.Duration // older messages are left out; zero: 14 days
	KeepCount int64         // messages that a log keeps; zero: 10,000
	Patience  time.Duration // how long to wait for a store that does not answer; zero: 30 s

	Left     func(Left)   // is called for everything that is left out; may be nil
	Progress func(Result) // is called after each step with the counts so far; may be nil
}

// Count has the results for one kind of data.
type Count struct {
	New  int64 `json:"new"`   // how many were imported; in a dry run, how many would be imported
	Had  int64 `json:"there"` // how many existed already
	Left int64 `json:"left"`  // left out
}

// Result counts what an import has done so far, or what an export has written.
type Result struct {
	Accounts Count `json:"accounts"`
	Groups   Count `json:"groups"`
	Members  Count `json:"members"` // including users who were removed from groups
	Messages Count `json:"messages"`
	Details  Count `json:"details"` // cursors and roles, and what is in the export of one account for reading

	Passwords int64 `json:"passwords"` // existing accounts without a password that have got one
	Locked    int64 `json:"locked"`    // accounts without a password; nobody can log in to them in password mode
	Long      int64 `json:"long"`      // logs that have more messages than a log keeps; the oldest of these will be removed
}

// Lefts returns how many accounts, groups, members, messages and details were left out.
func (r Result) Lefts() int64 {
	return r.Accounts.Left + r.Groups.Left + r.Members.Left + r.Messages.Left + r.Details.Left
}

// Left is something that was left out.
type Left struct {
	Kind   string `json:"kind"`            // of the line, or messages
	User   int64  `json:"user,omitempty"`  // the account, the member, or the owner of the inbox
	Group  int64  `json:"group,omitempty"` // the group, or the owner of the log
	Name   string `json:"name,omitempty"`  // of the account
	ID     string `json:"id,omitempty"`    // of the message
	Line   int64  `json:"line,omitempty"`  // of the file
	Count  int64  `json:"count,omitempty"` // of messages
	Reason string `json:"reason"`
}

// String returns a line of text that describes l.
func (l Left) String() string {
	s := l.Kind
	if l.Line > 0 {
		s = fmt.Sprintf("line %d: %s", l.Line, s)
	}
	if l.ID != "" {
		s += " " + l.ID
	}
	if l.Count > 0 {
		s = fmt.Sprintf("%d %s", l.Count, s)
	}
	switch {
	case l.Group != 0 && l.User != 0:
		s += fmt.Sprintf(" %d of group %d", l.User, l.Group)
	case l.Group != 0:
		s += fmt.Sprintf(" of group %d", l.Group)
	case l.Kind == format.KindAccount:
		s += fmt.Sprintf(" %d", l.User)
	case l.User != 0:
		s += fmt.Sprintf(" for %d", l.User)
	}
	if l.Name != "" {
		s += fmt.Sprintf(" %q", l.Name)
	}
	return s + ": " + l.Reason
}

const (
	step      = 500             // accounts or members at a time
	stepTexts = 1 << 20         // bytes of messages at a time
	stepCount = 2_000           // messages or lines at a time
	pause     = time.Second / 2 // before a retry, if the store did not answer
	known     = 200_000         // how many users are remembered

	kindMessages = "messages" // in Left: several messages
)

// importer is an import that is running.
type importer struct {
	Config
	Result
	now    int64            // when the import began, in ms by the store's clock
	people map[int64]person // users who are remembered
	listed bool             // all accounts are counted already
}

func newImporter(ctx context.Context, c Config) (*importer, error) {
	c.MaxText = cmp.Or(c.MaxText, proto.MaxText)
	c.KeepAge = cmp.Or(c.KeepAge, 14*24*time.Hour)
	c.KeepCount = cmp.Or(c.KeepCount, 10_000)
	c.Patience = cmp.Or(c.Patience, 30*time.Second)
	if c.Left == nil {
		c.Left = func(Left) {}
	}
	if c.Progress == nil {
		c.Progress = func(Result) {}
	}
	im := &importer{Config: c, people: make(map[int64]person)}
	err := im.again(ctx, func() error { return c.Store.Ping(ctx) })
	if im.now = c.Store.Now(); im.now == 0 {
		im.now = time.Now().UnixMilli()
	}
	return im, err
}

// The method again calls f. While the store does not answer, it repeats the call, for
// at most Patience. It must be harmless to repeat f.
func (im *importer) again(ctx context.Context, f func() error) error {
	for end := time.Now().Add(im.Patience); ; {
		err := f()
		if err == nil || ctx.Err() != nil || time.Now().After(end) || !errors.Is(err, record.ErrUnavailable) && !errors.Is(err, record.ErrUnknown) {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// person is a user from whom or to whom messages may be imported.
type person struct {
	name string
	bad  string // why messages from the user and to the user are left out; empty: they are imported
}

// meetAs remembers a user, and forgets others if there are too many. It never forgets a
// user who was left out, because the store may have another user under that user's id. In
// a dry run it forgets nobody, because nobody was imported.
func (im *importer) meetAs(user int64, who person) {
	if len(im.people) >= known && !im.Dry {
		for id, other := range im.people {
			if other.bad == "" {
				delete(im.people, id)
			}
		}
	}
	im.people[user] = who
}

// checkAccount returns the reason why an account cannot be imported, or an empty text if
// there is none.
func checkAccount(user int64, name string) string {
	if user <= 0 || user > proto.MaxUser {
		return fmt.Sprintf("its id is none: ids are 1 to %d", proto.MaxUser)
	}
	if err := check.Name(name); err != nil {
		return "its name cannot be used here: " + err.Error()
	}
	return ""
}

// accounts imports a list of accounts, and remembers their users. The parameter lines
// has the line number of each account, or is nil if the source is no file.
func (im *importer) accounts(ctx context.Context, list []record.Account, lines []int64) error {
	who := make([]person, len(list))
	var todo []record.Account
	var of []int
	for i, acc := range list {
		who[i] = person{name: acc.Name, bad: checkAccount(acc.User, acc.Name)}
		if who[i].bad == "" {
			todo, of = append(todo, acc), append(of, i)
		}
	}
	var answers []accounts.ImportedAccount
	err := im.again(ctx, func() error {
		answers = im.Store.ImportAccounts(ctx, todo, im.Dry)
		for _, a := range answers {
			if a.Err != nil {
				return a.Err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for j, a := range answers {
		i := of[j]
		switch a.State {
		case accounts.ImportNew:
			im.Accounts.New++
		case accounts.ImportThere:
			if im.listed { // the user was counted before, but is not remembered any more
				continue
			}
			im.Accounts.Had++
		case accounts.ImportClash:
			who[i].bad = clash(todo[j], a.Other)
			continue
		}
		if a.Given {
			im.Passwords++
		}
		if a.Locked {
			im.Locked++
		}
	}
	for i, acc := range list {
		if who[i].bad != "" {
			im.Accounts.Left++
			im.Left(Left{Kind: format.KindAccount, User: acc.User, Name: acc.Name, Line: lineOf(lines, i), Reason: who[i].bad})
		}
		im.meetAs(acc.User, who[i])
	}
	im.Progress(im.Result)
	return nil
}

func lineOf(lines []int64, i int) int64 {
	if i < len(lines) {
		return lines[i]
	}
	return 0
}

// clash returns the reason why the account acc cannot be imported. The existing account in
// the parameter other has the same id or the same name.
func clash(acc, other record.Account) string {
	if other.Name == "" {
		return "the account was deleted here, and no other one gets its id"
	}
	if other.User == acc.User {
		return fmt.Sprintf("the id belongs to %q here", other.Name)
	}
	return fmt.Sprintf("the name belongs to %d here", other.User)
}

// checkMessage returns the reason not to import a message, or an empty text if there is
// none.
func (im *importer) checkMessage(m transfer.Message) string {
	switch {
	case len(m.Text) > im.MaxText:
		return fmt.Sprintf("its text has %d bytes, more than -max-text %d", len(m.Text), im.MaxText)
	case m.Time > 0 && m.Time < im.now-im.KeepAge.Milliseconds():
		return "it is older than -keep-days"
	}
	return ""
}

// load has messages that will be imported in one step, by their logs.
type load struct {
	logs  []transfer.Backlog
	of    map[[2]int64]int
	bytes int
	count int
}

// add adds a message to the messages for the log that the parameter to names.
func (l *load) add(to transfer.Backlog, m transfer.Message) {
	key := [2]int64{to.User, to.Group}
	i, ok := l.of[key]
	if !ok {
		if l.of == nil {
			l.of = make(map[[2]int64]int)
		}
		i = len(l.logs)
		l.of[key] = i
		l.logs = append(l.logs, to)
	}
	l.logs[i].Messages = append(l.logs[i].Messages, m)
	l.bytes, l.count = l.bytes+len(m.Text), l.count+1
}

func (l *load) full() bool { return l.count >= stepCount || l.bytes >= stepTexts }

// unload imports the messages of l, in order for each log, and counts them. It leaves
// out messages that a log refuses.
func (im *importer) unload(ctx context.Context, l *load) error {
	logs := l.logs
	*l = load{}
	err := im.again(ctx, func() error {
		var later []transfer.Backlog
		var first error
		for i, a := range im.Store.ImportMessages(ctx, logs, im.Dry) {
			switch {
			case a.Err == nil:
				im.added(a)
			case errors.Is(a.Err, record.ErrUnavailable), errors.Is(a.Err, record.ErrUnknown):
				later, first = append(later, logs[i]), cmp.Or(first, a.Err)
			default:
				im.refused(logs[i], a.Err)
			}
		}
		logs = later
		return first
	})
	im.Progress(im.Result)
	return err
}

func (im *importer) added(a transfer.Backlogged) {
	for _, added := range a.Added {
		if added {
			im.Messages.New++
		} else {
			im.Messages.Had++
		}
	}
	if had := a.Length - int64(len(a.Added)); a.Length > im.KeepCount && had <= im.KeepCount {
		im.Long++
	}
}

func (im *importer) refused(b transfer.Backlog, err error) {
	reason := err.Error()
	switch {
	case errors.Is(err, record.ErrNoUser):
		reason = "its receiver has no account"
	case errors.Is(err, record.ErrNoGroup):
		reason = "there is no such group"
	case errors.Is(err, transfer.ErrNoMembers):
		reason = "nobody belongs to the group yet: members have to come before messages"
	}
	im.leave(Left{Kind: kindMessages, User: b.User, Group: b.Group, Count: int64(len(b.Messages)), Reason: reason})
}

// leave counts and reports messages that are left out.
func (im *importer) leave(l Left) {
	im.Messages.Left += max(l.Count, 1)
	im.Left(l)
}
