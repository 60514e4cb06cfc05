package record

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
)

func imported(t testing.TB, s *Store, logs ...Backlog) []Backlogged {
	t.Helper()
	answers := s.ImportMessages(t.Context(), logs, false)
	for i, a := range answers {
		if a.Err != nil {
			t.Fatalf("import %d: %v", i, a.Err)
		}
	}
	return answers
}

func TestImportedAccountsKeepTheirIDs(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		if err := s.Adopt(t.Context(), 3, "carol", false); err != nil {
			t.Fatal(err)
		}
		list := []Account{{User: 1, Name: "alice"}, {User: 2, Name: "bob", Credential: "hash"}, {User: 3, Name: "carl"}, {User: 4, Name: "carol"}, {User: 5, Name: "alice"}, {User: 1, Name: "alice"}}
		want := []accounts.ImportState{accounts.ImportNew, accounts.ImportNew, accounts.ImportClash, accounts.ImportClash, accounts.ImportClash, accounts.ImportThere}
		for _, dry := range []bool{true, false} {
			for i, a := range s.ImportAccounts(t.Context(), list, dry) {
				if a.Err != nil || a.State != want[i] || a.State == accounts.ImportNew && a.Locked != (i == 0) {
					t.Errorf("dry %v, account %d: %+v, want state %d", dry, i, a, want[i])
				}
			}
			for i, acc := range list[:2] {
				got, err := s.AccountByID(t.Context(), acc.User)
				if dry != errors.Is(err, ErrNoUser) || !dry && got != acc {
					t.Errorf("dry %v, account %d: %+v, %v", dry, i, got, err)
				}
			}
		}
		// An account that clashes leaves nothing behind, so the id 5 is still free.
		if err := s.Adopt(t.Context(), 5, "erin", false); err != nil {
			t.Error(err)
		}
		for i, a := range s.ImportAccounts(t.Context(), []Account{{User: 1, Name: "alice", Credential: "new"}, {User: 2, Name: "bob", Credential: "new"}}, false) {
			if a.Err != nil || a.State != accounts.ImportThere || a.Given != (i == 0) || a.Locked {
				t.Errorf("account %d: %+v", i, a)
			}
		}
		if acc, _ := s.AccountByName(t.Context(), "bob"); acc.Credential != "hash" {
			t.Errorf("bob's credential is %q", acc.Credential)
		}
		if acc, _ := s.AccountByName(t.Context(), "alice"); acc.Credential != "new" {
			t.Errorf("alice's credential is %q", acc.Credential)
		}
	})
}

// An import that was killed has reserved an id. The next import makes the account.
func TestImportGoesOnWithAReservedID(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		s.Run(t.Context(), "register", op.Write(idKey(1), []any{"set", idKey(1), "alice"}))
		if a := s.ImportAccounts(t.Context(), []Account{{User: 1, Name: "alice"}}, false)[0]; a.Err != nil || a.State != accounts.ImportNew {
			t.Errorf("%+v", a)
		}
		if acc, err := s.AccountByID(t.Context(), 1); err != nil || acc.Name != "alice" {
			t.Errorf("%+v, %v", acc, err)
		}
	})
}

// A message is imported once, even if it was trimmed meanwhile, or is twice in one
// call.
func TestMessageIsImportedOnce(t *testing.T) {
	each(t, Config{Retention: Retention{Count: 5}}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		messages := []Message{private(alice, bob, "1"), private(alice, bob, "2"), private(alice, bob, "1")}
		dry := s.ImportMessages(t.Context(), []Backlog{{User: bob, Messages: messages}}, true)[0]
		a := imported(t, s, Backlog{User: bob, Messages: messages})[0]
		if want := []bool{true, true, false}; !slices.Equal(a.Added, want) || !slices.Equal(dry.Added, want) || a.Length != 3 {
			t.Errorf("imported %+v, the dry run said %+v", a, dry)
		}
		wantKeys(t, inbox(t, s, bob), proto.Key(alice, "1"), proto.Key(alice, "2"))
		wantKeys(t, inbox(t, s, alice))
		for i := range 2 * trimEvery {
			stored(t, s, private(alice, bob, fmt.Sprint("later", i)))
		}
		if slices.Contains(inbox(t, s, bob), proto.Key(alice, "1")) {
			t.Fatal("it was not trimmed")
		}
		before := inbox(t, s, bob)
		// A message that was sent here, and that also comes from an export, is found,
		// too.
		m := append(messages, private(alice, bob, fmt.Sprint("later", 2*trimEvery-1)))
		if a := imported(t, s, Backlog{User: bob, Messages: m})[0]; slices.Contains(a.Added, true) {
			t.Errorf("imported again: %+v", a)
		}
		wantKeys(t, inbox(t, s, bob), before...)
	})
}

// Imported messages have their own times, by which their log is swept, but they stand
// behind messages that were accepted just now.
func TestImportHidesNoMessageFromItsRepetition(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		m := private(alice, bob, "1")
		first := stored(t, s, m)[0]
		logs := []Backlog{{User: bob}, {User: alice}}
		for i := range 100 {
			old := private(bob, alice, fmt.Sprint("old", i))
			old.Time -= time.Hour.Milliseconds()
			logs[1].Messages = append(logs[1].Messages, old)
			old.From, old.To = alice, bob
			logs[0].Messages = append(logs[0].Messages, old)
		}
		imported(t, s, logs...)
		m.Again = true
		again := stored(t, s, m)[0]
		for i, c := range again.Copies {
			if f := first.Copies[i].Stored.At.Number; c.Stored.At.Number != f {
				t.Errorf("copy %d stands at %d, and again at %d", i, f, c.Stored.At.Number)
			}
		}
		m.Text = "another text"
		if a := s.Append(t.Context(), []Message{m})[0]; !errors.Is(a.Err, ErrIDReused) {
			t.Errorf("another message under the id: %v", a.Err)
		}
	})
}

func TestImportedMessagesAgeByTheirOwnTimes(t *testing.T) {
	const day = 24 * 3600 * 1000
	each(t, Config{Retention: Retention{Age: 10 * day}}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		now := time.Now().UnixMilli()
		old, young, ahead := private(alice, bob, "old"), private(alice, bob, "young"), private(alice, bob, "ahead")
		old.Time, young.Time, ahead.Time = now-9*day, now-day, now+day
		imported(t, s, Backlog{User: bob, Messages: []Message{old, young, ahead}})
		p, err := s.Pull(t.Context(), bob, proto.Position{}, 0)
		if err != nil || len(p.Entries) != 3 {
			t.Fatalf("%+v, %v", p, err)
		}
		for i, want := range []int64{old.Time, young.Time, now} {
			e, err := entry.Decode(p.Entries[i].Entry)
			if err != nil || e.GetTime() < want-5000 || e.GetTime() > want+60_000 {
				t.Errorf("message %d has the time %d, %v, want %d", i, e.GetTime(), err, want)
			}
		}
		due := op.Read("", []any{"zscore", sweepShard(queue.Job{Key: logref.Ref{User: bob}.Tag()}).Key("sweep:due"), logref.Ref{User: bob}.Tag()})
		due.Key = due.Steps[0][1].(string)
		s.Run(t.Context(), "due", due)
		if at := scoreOf(op.Text(due.Reply[0])); due.Err != nil || at < float64(now) || at > float64(now+2*day) {
			t.Errorf("the log is swept at %v, %v, want a day from now", at, due.Err)
		}
		// A day later the old message is removed, with all entries before it.
		later := s.retention.Age
		s.retention.Age = 8 * day
		s.Sweep(t.Context(), []queue.Job{{Key: logref.Ref{User: bob}.Tag()}})
		s.retention.Age = later
		wantKeys(t, inbox(t, s, bob), proto.Key(alice, "young"), proto.Key(alice, "ahead"))
	})
}

func scoreOf(s string) (f float64) {
	_, _ = fmt.Sscan(s, &f)
	return f
}

func TestGroupIsImportedWithItsMembers(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob, carol := register(t, s, "alice"), register(t, s, "bob"), register(t, s, "carol")
		g := GroupRecord{Group: 77, Name: "friends", Creator: alice, Request: "r"}
		for _, want := range []accounts.ImportState{accounts.ImportNew, accounts.ImportThere} {
			if state, err := s.ImportGroup(t.Context(), g, false); err != nil || state != want {
				t.Errorf("group: %v, %v, want %v", state, err, want)
			}
		}
		if state, err := s.ImportGroup(t.Context(), GroupRecord{Group: 77, Creator: bob, Request: "r"}, false); err != nil || state != accounts.ImportClash {
			t.Errorf("another group: %v, %v", state, err)
		}
		early := private(alice, 0, "early")
		early.Group = 77
		if a := s.ImportMessages(t.Context(), []Backlog{{Group: 77, Messages: []Message{early}}}, false)[0]; !errors.Is(a.Err, ErrNotMember) {
			t.Errorf("before there are members: %+v", a)
		}
		members, removed := []Account{{User: alice, Name: "alice"}, {User: bob, Name: "bob"}}, []Account{{User: carol, Name: "carol"}, {User: bob, Name: "bob"}}
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
		if r := s.ImportRemoved(t.Context(), 78, removed, false); !errors.Is(r[0].Err, ErrNoGroup) {
			t.Errorf("removed from no group: %+v", r)
		}
		imported(t, s, Backlog{Group: 77, Messages: []Message{early}})
		if got := keysOf(t, s, bob, 77); len(got) != 2 || got[1] != early.key() { // the joining, and that message
			t.Errorf("bob reads %v", got)
		}
		if c := s.ChangeGroups(t.Context(), []Change{{User: carol, Name: "carol", Group: 77}})[0]; !errors.Is(c.Err, ErrRemoved) {
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

// When a group is deleted, the record of messages that were imported into it is
// deleted, too.
func TestEndedGroupLeavesNoMarks(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		if _, err := s.ImportGroup(t.Context(), GroupRecord{Group: 77, Creator: alice, Request: "r"}, false); err != nil {
			t.Fatal(err)
		}
		s.ImportMembers(t.Context(), 77, []Account{{User: alice, Name: "alice"}}, false)
		m := private(alice, 0, "1")
		m.Group = 77
		imported(t, s, Backlog{Group: 77, Messages: []Message{m}})
		l := logref.Ref{Group: 77}
		marks := func() int64 {
			o := op.Read(l.Imported(), []any{"exists", l.Imported()})
			s.Run(t.Context(), "look", o)
			return op.Integer(o.Reply[0])
		}
		if marks() != 1 {
			t.Error("there are no marks")
		}
		if c := s.ChangeGroups(t.Context(), []Change{{User: alice, Name: "alice", Group: 77, Leave: true}})[0]; c.Err != nil {
			t.Fatal(c.Err)
		}
		// As if a minute had gone by.
		last := l.Script(sweepScript, s.retention.Age, time.Now().UnixMilli(), -1000, endedFor.Milliseconds())
		last.Keys = append(last.Keys, l.Members(), l.Leases(), l.End(), l.Imported())
		s.Run(t.Context(), "sweep", last)
		if last.Err != nil || op.Text(last.Reply[0]) != "gone" || marks() != 0 {
			t.Errorf("swept %v, %v, %d marks", last.Reply, last.Err, marks())
		}
	})
}
