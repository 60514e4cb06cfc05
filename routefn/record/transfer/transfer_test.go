package transfer_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/storetest"
	"github.com/cim-go/cim/routefn/record/transfer"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// each runs a test on every kind of store, which it empties first.
func each(t *testing.T, cfg record.Config, f func(*testing.T, *record.Store)) {
	storetest.Each(t, func(t *testing.T, url string) {
		cfg.URL, cfg.AllowEmbedded = url, true
		cfg.DialTimeout = wait.Limit
		s, err := record.Dial(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		storetest.Flush(t, s.Topology)
		f(t, s)
	})
}

// register makes an account and returns its user.
func register(t testing.TB, s *record.Store, name string) int64 {
	t.Helper()
	acc, _, err := s.Register(t.Context(), name, "")
	if err != nil {
		t.Fatal(err)
	}
	return acc.User
}

func private(from, to int64, id string) transfer.Message {
	return transfer.Message{From: from, FromName: "alice", ID: id, To: to, Text: "text of " + id, Time: time.Now().UnixMilli()}
}

// sent returns the message as its sender sends it here.
func sent(m transfer.Message) record.Message {
	return record.Message{From: m.From, FromName: m.FromName, ID: m.ID, To: m.To, Group: m.Group, Text: m.Text}
}

// stored sends a message.
func stored(t testing.TB, s *record.Store, m transfer.Message) record.Appended {
	t.Helper()
	a := s.Append(t.Context(), []record.Message{sent(m)})[0]
	if a.Err != nil {
		t.Fatalf("append %s: %v", m.ID, a.Err)
	}
	return a
}

func imported(t testing.TB, s *record.Store, logs ...transfer.Backlog) []transfer.Backlogged {
	t.Helper()
	answers := s.ImportMessages(t.Context(), logs, false)
	for i, a := range answers {
		if a.Err != nil {
			t.Fatalf("import %d: %v", i, a.Err)
		}
	}
	return answers
}

// keys returns the keys of the entries that a user reads in a log.
func keys(t testing.TB, s *record.Store, user, log int64) (list []string) {
	t.Helper()
	p, err := s.Pull(t.Context(), user, proto.Position{Log: log}, 0)
	if err != nil || p.Through != p.Newest {
		t.Fatalf("read up to %v of %v: %v", p.Through, p.Newest, err)
	}
	for _, e := range p.Entries {
		list = append(list, e.Key)
	}
	return list
}

func wantKeys(t testing.TB, s *record.Store, user int64, want ...string) {
	t.Helper()
	if got := keys(t, s, user, proto.Inbox); !slices.Equal(got, want) {
		t.Fatalf("inbox holds %v, want %v", got, want)
	}
}

// A message is imported once, even if it was trimmed meanwhile, or is twice in one
// call.
func TestMessageIsImportedOnce(t *testing.T) {
	const later = 150 // so that the log is trimmed
	each(t, record.Config{Retention: record.Retention{Count: 5}}, func(t *testing.T, s *record.Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		messages := []transfer.Message{private(alice, bob, "1"), private(alice, bob, "2"), private(alice, bob, "1")}
		dry := s.ImportMessages(t.Context(), []transfer.Backlog{{User: bob, Messages: messages}}, true)[0]
		a := imported(t, s, transfer.Backlog{User: bob, Messages: messages})[0]
		if want := []bool{true, true, false}; !slices.Equal(a.Added, want) || !slices.Equal(dry.Added, want) || a.Length != 3 {
			t.Errorf("imported %+v, the dry run said %+v", a, dry)
		}
		wantKeys(t, s, bob, proto.Key(alice, "1"), proto.Key(alice, "2"))
		wantKeys(t, s, alice)
		for i := range later {
			stored(t, s, private(alice, bob, fmt.Sprint("later", i)))
		}
		if slices.Contains(keys(t, s, bob, proto.Inbox), proto.Key(alice, "1")) {
			t.Fatal("it was not trimmed")
		}
		before := keys(t, s, bob, proto.Inbox)
		// A message that was sent here, and that also comes from an export, is found,
		// too.
		m := append(messages, private(alice, bob, fmt.Sprint("later", later-1)))
		if a := imported(t, s, transfer.Backlog{User: bob, Messages: m})[0]; slices.Contains(a.Added, true) {
			t.Errorf("imported again: %+v", a)
		}
		wantKeys(t, s, bob, before...)
	})
}

// Imported messages have their own times, by which their log is swept, but they stand
// behind messages that were accepted just now.
func TestImportHidesNoMessageFromItsRepetition(t *testing.T) {
	each(t, record.Config{}, func(t *testing.T, s *record.Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		m := private(alice, bob, "1")
		first := stored(t, s, m)
		logs := []transfer.Backlog{{User: bob}, {User: alice}}
		for i := range 100 {
			old := private(bob, alice, fmt.Sprint("old", i))
			old.Time -= time.Hour.Milliseconds()
			logs[1].Messages = append(logs[1].Messages, old)
			old.From, old.To = alice, bob
			logs[0].Messages = append(logs[0].Messages, old)
		}
		imported(t, s, logs...)
		repeated := sent(m)
		repeated.Again = true
		again := s.Append(t.Context(), []record.Message{repeated})[0]
		if again.Err != nil {
			t.Fatal(again.Err)
		}
		for i, c := range again.Copies {
			if f := first.Copies[i].Stored.At.Number; c.Stored.At.Number != f {
				t.Errorf("copy %d stands at %d, and again at %d", i, f, c.Stored.At.Number)
			}
		}
		repeated.Text = "another text"
		if a := s.Append(t.Context(), []record.Message{repeated})[0]; !errors.Is(a.Err, record.ErrIDReused) {
			t.Errorf("another message under the id: %v", a.Err)
		}
	})
}

func TestGroupIsImportedWithItsMembers(t *testing.T) {
	each(t, record.Config{}, func(t *testing.T, s *record.Store) {
		alice, bob, carol := register(t, s, "alice"), register(t, s, "bob"), register(t, s, "carol")
		g := transfer.Group{Group: 77, Name: "friends", Creator: alice, Request: "r"}
		for _, want := range []accounts.ImportState{accounts.ImportNew, accounts.ImportThere} {
			if state, err := s.ImportGroup(t.Context(), g, false); err != nil || state != want {
				t.Errorf("group: %v, %v, want %v", state, err, want)
			}
		}
		if state, err := s.ImportGroup(t.Context(), transfer.Group{Group: 77, Creator: bob, Request: "r"}, false); err != nil || state != accounts.ImportClash {
			t.Errorf("another group: %v, %v", state, err)
		}
		early := private(alice, 0, "early")
		early.Group = 77
		if a := s.ImportMessages(t.Context(), []transfer.Backlog{{Group: 77, Messages: []transfer.Message{early}}}, false)[0]; !errors.Is(a.Err, transfer.ErrNoMembers) {
			t.Errorf("before there are members: %+v", a)
		}
		members, removed := []record.Account{{User: alice, Name: "alice"}, {User: bob, Name: "bob"}}, []record.Account{{User: carol, Name: "carol"}, {User: bob, Name: "bob"}}
		for _, want := range []accounts.ImportState{accounts.ImportNew, accounts.ImportThere} {
			for i, m := range s.ImportMembers(t.Context(), 77, members, false) {
				if m.Err != nil || m.State != want {
					t.Errorf("member %d: %+v, want %v", i, m, want)
				}
			}
			if r := s.ImportRemoved(t.Context(), 77, removed, false); r[0].Err != nil || r[0].State != want || r[1].State != accounts.ImportThere {
				t.Errorf("removed: %+v", r)
			}
		}
		if r := s.ImportRemoved(t.Context(), 78, removed, false); !errors.Is(r[0].Err, record.ErrNoGroup) {
			t.Errorf("removed from no group: %+v", r)
		}
		imported(t, s, transfer.Backlog{Group: 77, Messages: []transfer.Message{early}})
		if got := keys(t, s, bob, 77); len(got) != 2 || got[1] != proto.Key(alice, "early") { // the joining, and that message
			t.Errorf("bob reads %v", got)
		}
		if c := s.ChangeGroups(t.Context(), []record.Change{{User: carol, Name: "carol", Group: 77}})[0]; !errors.Is(c.Err, record.ErrRemoved) {
			t.Errorf("who was removed joins: %+v", c)
		}
		if list, err := s.RemovedFrom(t.Context(), 77); err != nil || !slices.Equal(list, []int64{carol}) {
			t.Errorf("removed are %v, %v", list, err)
		}
		if list, err := s.AllGroups(t.Context()); err != nil || !slices.Equal(list, []int64{77}) {
			t.Errorf("groups are %v, %v", list, err)
		}
		if list, err := s.Users(t.Context()); err != nil || len(list) != 3 || !slices.IsSorted(list) {
			t.Errorf("users are %v, %v", list, err)
		}
	})
}
