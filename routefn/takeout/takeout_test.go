package takeout_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/migrate/format"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/contacts"
	"github.com/cim-go/cim/routefn/record/invite"
	"github.com/cim-go/cim/routefn/record/reports"
	"github.com/cim-go/cim/routefn/record/storetest"
	"github.com/cim-go/cim/routefn/role"
	"github.com/cim-go/cim/routefn/takeout"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// place is a store with a few users.
type place struct {
	*record.Store
	t     *testing.T
	names map[int64]string
	sent  int
}

// each runs a test on every kind of store, which it empties first, and on Valkey. A log keeps
// 50 entries.
func each(t *testing.T, f func(t *testing.T, s *place)) {
	run := func(t *testing.T, url string) {
		s, err := record.Dial(t.Context(), record.Config{
			URL: url, AllowEmbedded: true, DialTimeout: wait.Limit, Retention: record.Retention{Count: 50},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		storetest.Flush(t, s.Topology)
		f(t, &place{s, t, make(map[int64]string), 0})
	}
	storetest.Each(t, run)
	t.Run("valkey", func(t *testing.T) { run(t, storetest.Valkey(t).URL()) })
}

func (s *place) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *place) register(name string) int64 {
	s.t.Helper()
	acc, _, err := s.Register(s.t.Context(), name, "")
	s.must(err)
	s.names[acc.User] = name
	return acc.User
}

// write sends a text to a user or a group.
func (s *place) write(from, to, group int64, text string) {
	s.t.Helper()
	s.sent++
	m := record.Message{From: from, FromName: s.names[from], ID: fmt.Sprint("m", s.sent), To: to, Group: group, Text: text}
	s.must(s.Append(s.t.Context(), []record.Message{m})[0].Err)
}

func (s *place) group(name string, members ...int64) int64 {
	s.t.Helper()
	group, err := s.CreateGroup(s.t.Context(), record.NewGroup{Creator: members[0], ID: name, Name: name})
	s.must(err)
	for _, user := range members {
		s.change(group, user, false)
	}
	return group
}

func (s *place) change(group, user int64, leave bool) {
	s.t.Helper()
	s.must(s.ChangeGroups(s.t.Context(), []record.Change{{User: user, Name: s.names[user], Group: group, Leave: leave}})[0].Err)
}

// read connects a device and acknowledges the first n entries of a log. The first one is the
// beginning of the log.
func (s *place) read(user int64, device string, log int64, n int) {
	s.t.Helper()
	ctx := s.t.Context()
	issued, err := s.IssueNumber(ctx, record.Issuing{User: user, Device: device, Login: &record.Login{Network: "192.0.2.0/24"}})
	s.must(err)
	opening := record.Opening{User: user, Number: issued.Number, Displaces: -1, Session: record.Session{Device: device, Node: "n1", Boot: 7, Addr: "n1:1"}}
	s.must(s.OpenSessions(ctx, []record.Opening{opening})[0].Err)
	p, err := s.Pull(ctx, user, proto.Position{Log: log}, n)
	s.must(err)
	acking := record.Acking{User: user, Device: device, Number: issued.Number, Cursors: []proto.Position{p.Through}}
	s.must(s.Ack(ctx, []record.Acking{acking})[0])
}

// page returns a page and checks its size.
func (s *place) page(user int64, cursor string) takeout.Page {
	s.t.Helper()
	p, err := (&takeout.Exporter{Store: s.Store}).Page(s.t.Context(), user, cursor)
	s.must(err)
	if len(p.Lines) > 1<<20 {
		s.t.Fatalf("a page has %d bytes", len(p.Lines))
	}
	return p
}

// rest returns the pages that follow a cursor.
func (s *place) rest(user int64, cursor string) (pages []string) {
	s.t.Helper()
	for {
		p := s.page(user, cursor)
		pages = append(pages, string(p.Lines))
		if cursor = p.Next; cursor == "" {
			return pages
		}
	}
}

// lines checks that a file is complete and returns its records, each as the words that a
// test names.
func (s *place) lines(file string) (list []string) {
	s.t.Helper()
	if err := format.Check(strings.NewReader(file)); err != nil {
		s.t.Fatalf("%v in\n%.2000s", err, file)
	}
	for l := range strings.Lines(file) {
		var one struct {
			Kind, Name, Role, Device, State, Reason, Text, Write string
			Blocked, Count                                       int64
			Message                                              struct{ Text string }
		}
		s.must(json.Unmarshal([]byte(l), &one))
		text := one.Kind
		for _, word := range []string{one.Name, one.Role, one.Device, one.State, one.Reason, one.Write, one.Text, one.Message.Text} {
			if word != "" {
				text += " " + word
			}
		}
		if one.Blocked != 0 {
			text += " blocked"
		}
		if one.Count != 0 {
			text += fmt.Sprint(" ", one.Count)
		}
		list = append(list, text)
	}
	return list
}

func (s *place) want(file string, want ...string) {
	s.t.Helper()
	got := s.lines(file)
	if got = got[1 : len(got)-1]; !slices.Equal(got, want) {
		s.t.Errorf("got\n%swant\n%s", begins(got), begins(want))
	}
}

// begins returns the first 60 bytes of each line.
func begins(lines []string) (text string) {
	for _, l := range lines {
		text += fmt.Sprintf("  %.60s\n", l)
	}
	return text
}

func TestUserGetsWhatItMayRead(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		ctx := t.Context()
		dave := s.register("dave")
		s.write(dave, 0, proto.Everyone, "before alice came")
		alice, bob, carol := s.register("alice"), s.register("bob"), s.register("carol")
		s.write(dave, 0, proto.Everyone, "good morning")
		friends := s.group("friends", alice, bob)
		others := s.group("others", bob, carol)
		late := s.group("late", bob)
		s.write(bob, 0, late, "without alice")
		s.change(late, alice, false)
		s.write(bob, 0, late, "welcome")
		s.write(bob, 0, others, "secret")
		s.write(alice, 0, friends, "hi, all")
		s.write(alice, bob, 0, "hi, bob")
		s.write(bob, alice, 0, "hi, alice")
		s.write(bob, carol, 0, "hi, carol")
		s.read(alice, "phone", proto.Inbox, 3)
		s.read(alice, "desk", friends, 10)
		left := s.group("left", bob, alice)
		s.write(bob, 0, left, "stay")
		s.read(alice, "desk", left, 10)
		s.change(left, alice, true)
		s.write(bob, 0, left, "alice is gone")
		s.must(s.SetSystemRole(ctx, alice, role.Moderator))
		_, err := s.SetConsent(ctx, alice, contacts.Consent{Write: proto.ByContacts})
		s.must(err)
		s.must(s.Block(ctx, alice, dave))
		_, err = s.AskContact(ctx, alice, carol, "")
		s.must(err)
		s.must(s.Invite(ctx, invite.Invitation{Group: others, Name: "others", By: carol}, []int64{alice})[0])
		p, err := s.Pull(ctx, alice, proto.Position{}, 0)
		s.must(err)
		for _, user := range []int64{alice, carol} {
			at := p.Entries[1].At.Position()
			at.Key = p.Entries[1].Key
			s.must(s.Reports().File(ctx, reports.Filing{User: user, Reason: "spam", Note: s.names[user], At: at, Stored: p.Entries[1]}))
		}
		_, err = s.Schedule(ctx, record.Scheduling{Message: record.Message{From: alice, FromName: "alice", ID: "later", To: bob, Text: "lunch"}, After: 3_600_000})
		s.must(err)

		file := strings.Join(s.rest(alice, ""), "")
		want := []string{"account alice moderator", "device desk", "device phone", "consent contacts"}
		want = append(want, inOrder(map[int64][]string{dave: {"contact dave blocked"}, carol: {"contact carol outgoing"}})...)
		want = append(want, "invitation others", "report spam hi, alice", "delayed pending lunch")
		want = append(want, inOrder(map[int64][]string{
			friends: {"group friends", "member owner", "message hi, all", "cursor desk"},
			late:    {"group late", "member", "message welcome"},
			left:    {"group left", "message stay", "cursor desk"},
		})...)
		s.want(file, append(want, "message good morning", "message hi, bob", "message hi, alice", "cursor phone")...)
		if strings.Contains(file, `"note":"carol"`) {
			t.Error("alice gets what carol reports")
		}
	})
}

// inOrder returns the lines of all ids, by ascending id.
func inOrder(of map[int64][]string) (lines []string) {
	for _, id := range slices.Sorted(maps.Keys(of)) {
		lines = append(lines, of[id]...)
	}
	return lines
}

// Alice has more than fits into a page. All pages are one file, each message once and in
// order. The export leaves out what comes after it came to a log.
func TestPagesAreOneFile(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		alice, bob := s.register("alice"), s.register("bob")
		group := s.group("friends", alice, bob)
		want := []string{"account alice", "group friends", "member owner"}
		for i := range 15 {
			text := strings.Repeat("<&>", 20_000) + fmt.Sprint(i)
			s.write(bob, 0, group, text)
			want = append(want, "message "+text)
		}
		inbox := []string{}
		for i := range 30 {
			text := strings.Repeat("ü", 30_000) + fmt.Sprint(i)
			s.write(bob, alice, 0, text)
			inbox = append(inbox, "message "+text)
		}
		s.read(alice, "phone", proto.Inbox, 11)
		inbox = slices.Insert(inbox, 10, "cursor phone")
		want = slices.Insert(want, 1, "device phone")
		var file strings.Builder
		pages := 0
		for cursor := ""; ; {
			p := s.page(alice, cursor)
			if again := s.page(alice, cursor); !bytes.Equal(again.Lines, p.Lines) && pages < 2 {
				t.Error("a page that is read again is another one")
			}
			file.Write(p.Lines)
			pages++
			if cursor = p.Next; cursor == "" {
				break
			}
			if pages == 2 {
				s.write(bob, 0, group, "late")
			}
		}
		s.want(file.String(), append(want, inbox...)...)
		if pages < 3 {
			t.Errorf("it has %d pages", pages)
		}
	})
}

// half writes to bob until a page of alice's export ends within a log, and returns the page.
func (s *place) half(user, from, group int64) takeout.Page {
	s.t.Helper()
	for range 40 {
		to := user
		if group != 0 {
			to = 0
		}
		s.write(from, to, group, strings.Repeat("x", 60_000))
	}
	p := s.page(user, "")
	if p.Next == "" || p.Count[format.KindMessage] == 0 {
		s.t.Fatalf("the first page has %v", p.Count)
	}
	return p
}

func TestExportGoesOnAfterATrim(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		alice, bob := s.register("alice"), s.register("bob")
		first := s.half(alice, bob, 0)
		for range 150 {
			s.write(bob, alice, 0, "short")
		}
		rest := s.lines(string(first.Lines) + strings.Join(s.rest(alice, first.Next), ""))
		if n := len(rest); !strings.HasPrefix(rest[n-2], "gap trimmed ") {
			t.Errorf("the file ends with %.40q", rest[n-3:])
		}
	})
}

// The store has lost everything, and has the accounts again. The log of alice begins anew,
// with another epoch.
func TestExportGoesOnAfterALogBeganAnew(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		alice, bob := s.register("alice"), s.register("bob")
		first := s.half(alice, bob, 0)
		storetest.Flush(t, s.Topology)
		for user, name := range s.names {
			s.must(s.ImportAccounts(t.Context(), []record.Account{{User: user, Name: name}}, false)[0].Err)
		}
		s.write(bob, alice, 0, "again")
		got := s.lines(string(first.Lines) + strings.Join(s.rest(alice, first.Next), ""))
		if n := len(got); got[n-3] != "gap diverged" || got[n-2] != "message again" {
			t.Errorf("the file ends with %.40q", got[n-4:])
		}
	})
}

func TestExportGoesOnAfterTheGroupWasLeft(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		alice, bob := s.register("alice"), s.register("bob")
		group := s.group("friends", bob, alice)
		s.write(bob, alice, 0, "hi")
		first := s.half(alice, bob, group)
		s.change(group, alice, true)
		s.write(bob, 0, group, "without alice")
		got := s.lines(string(first.Lines) + strings.Join(s.rest(alice, first.Next), ""))
		if n := len(got); got[n-2] != "message hi" || slices.Contains(got, "message without alice") {
			t.Errorf("the file ends with %.40q", got[n-4:])
		}
	})
}

func TestCursorOfAnotherUserIsRefused(t *testing.T) {
	each(t, func(t *testing.T, s *place) {
		alice, bob := s.register("alice"), s.register("bob")
		group := s.group("friends", alice)
		s.write(alice, 0, group, "secret")
		next := s.half(alice, bob, 0).Next
		x := &takeout.Exporter{Store: s.Store}
		for _, cursor := range []string{
			next, next + "A", "!", base64.RawURLEncoding.EncodeToString([]byte(`{}`)), forge(fmt.Sprintf(`{"u":%d,"p":99}`, bob)),
			forge(fmt.Sprintf(`{"u":%d,"p":-1}`, bob)), forge(fmt.Sprintf(`{"u":%d,"r":-1}`, bob)), forge(fmt.Sprintf(`{"u":%d,"x":1}`, bob)),
		} {
			var refused *proto.Error
			if p, err := x.Page(t.Context(), bob, cursor); !errors.As(err, &refused) || refused.Code != proto.Invalid {
				t.Errorf("%s: %v, %v", cursor, p.Count, err)
			}
		}
		// A cursor that bob made names the group of alice.
		for _, at := range []string{`"b":true,"at":{"log":%d,"epoch":"","number":0}`, `"a":%d`, `"at":{"log":%d,"epoch":"","number":0}`} {
			p := s.page(bob, forge(fmt.Sprintf(`{"u":%d,"p":5,`+at+`}`, bob, group)))
			if text := string(p.Lines); strings.Contains(text, "secret") || strings.Contains(text, "friends") {
				t.Errorf("bob gets %s", text)
			}
		}
	})
}

func forge(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
