package record

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
	"github.com/cim-go/cim/routefn/record/transfer"
	"github.com/cim-go/cim/routefn/role"
)

// imported imports messages into one log.
func imported(t testing.TB, s *Store, l logref.Ref, messages ...Message) {
	t.Helper()
	log := transfer.Backlog{User: l.User, Group: l.Group}
	for _, m := range messages {
		log.Messages = append(log.Messages, transfer.Message{From: m.From, FromName: m.FromName, ID: m.ID, To: m.To, Group: m.Group, Text: m.Text, Time: m.Time})
	}
	if a := s.ImportMessages(t.Context(), []transfer.Backlog{log}, false)[0]; a.Err != nil {
		t.Fatalf("import: %v", a.Err)
	}
}

func TestImportedMessagesAgeByTheirOwnTimes(t *testing.T) {
	const day = 24 * 3600 * 1000
	each(t, Config{Retention: Retention{Age: 10 * day}}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		now := time.Now().UnixMilli()
		old, young, ahead := private(alice, bob, "old"), private(alice, bob, "young"), private(alice, bob, "ahead")
		old.Time, young.Time, ahead.Time = now-9*day, now-day, now+day
		imported(t, s, logref.Ref{User: bob}, old, young, ahead)
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

// When a group is deleted, the record of messages that were imported into it is
// deleted, too.
func TestEndedGroupLeavesNoMarks(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		if _, err := s.ImportGroup(t.Context(), transfer.Group{Group: 77, Creator: alice, Request: "r"}, false); err != nil {
			t.Fatal(err)
		}
		s.ImportMembers(t.Context(), 77, []Account{{User: alice, Name: "alice"}}, false)
		m := private(alice, 0, "1")
		m.Group = 77
		imported(t, s, logref.Ref{Group: 77}, m)
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

// arrives imports a cursor of a device, and checks whether it was taken.
func arrives(t testing.TB, s *Store, c ImportedCursor, want bool, wantErr error) {
	t.Helper()
	if given, err := s.ImportCursor(t.Context(), c); given != want || !errors.Is(err, wantErr) {
		t.Errorf("%+v: %v, %v", c, given, err)
	}
}

func TestImportedCursorOnlyGoesForward(t *testing.T) {
	each(t, Config{Devices: 2}, func(t *testing.T, s *Store) {
		alice, bob := account(t, s, "alice"), account(t, s, "bob")
		carol := account(t, s, "carol")
		g, foreign := group(t, s, alice, bob), group(t, s, carol)
		for i := range 3 {
			stored(t, s, private(alice.User, bob.User, fmt.Sprint(i)))
		}
		stored(t, s, Message{From: alice.User, FromName: "alice", ID: "g", Group: g, Text: "x"}, Message{From: carol.User, FromName: "carol", ID: "f", Group: foreign, Text: "x"})
		inbox := func(device string, id int) ImportedCursor {
			return ImportedCursor{User: bob.User, Device: device, Key: key(alice.User, id)}
		}
		arrives(t, s, inbox("phone", 1), true, nil)
		arrives(t, s, inbox("phone", 1), false, nil)
		arrives(t, s, inbox("phone", 0), false, nil)
		arrives(t, s, inbox("phone", 2), true, nil)
		arrives(t, s, inbox("phone", 7), false, ErrInvalid)
		arrives(t, s, ImportedCursor{User: bob.User, Device: "desk", Group: g, Key: proto.Key(alice.User, "g")}, true, nil)
		arrives(t, s, ImportedCursor{User: bob.User, Device: "desk", Group: foreign, Key: proto.Key(carol.User, "f")}, false, ErrNotMember)
		arrives(t, s, inbox("tablet", 1), false, ErrInvalid) // one device too many
		o := connect(t, s, bob.User, "phone", "n1")
		if len(o.Cursors) != 1 || o.Cursors[0].Number != o.Newest.Number || o.Cursors[0].Key != key(alice.User, 2) {
			t.Errorf("the phone goes on at %+v of %+v", o.Cursors, o.Newest)
		}
		if all, err := s.Cursors(t.Context(), bob.User); err != nil || len(all) != 2 || all["desk"][0].Log != g {
			t.Errorf("cursors are %+v, %v", all, err)
		}
	})
}

// A device has no cursor, so its void tokens and closed numbers are counted together with
// others. They stay void and closed when it gets a cursor.
func TestImportedCursorRevivesNothing(t *testing.T) {
	each(t, Config{Devices: 2}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		stored(t, s, private(alice, bob, "1"))
		never := issue(t, s, bob, "phone").Number
		if _, err := s.Logout(t.Context(), bob, "phone", nil); err != nil {
			t.Fatal(err)
		}
		unused := issue(t, s, alice, "phone").Number
		for _, device := range []string{"phone", "desk", "tablet"} { // the phone is forgotten
			visit(t, s, alice, device)
		}
		for _, device := range []string{"desk", "tablet"} {
			forget := logref.Ref{User: alice}.HashScript(tidyScript, 0, tidyFields)
			if s.Run(t.Context(), "tidy", forget); forget.Err != nil {
				t.Fatalf("forget %s: %v", device, forget.Err)
			}
		}
		for user, number := range map[int64]int64{bob: never, alice: unused} {
			arrives(t, s, ImportedCursor{User: user, Device: "phone", Key: proto.Key(alice, "1")}, true, nil)
			if o := open(t, s, user, "phone", "n1", number, -1); !errors.Is(o.Err, ErrSuperseded) {
				t.Errorf("%d opens with an old number: %+v", user, o)
			}
		}
	})
}

func TestImportedRoleIsForThoseWhoHaveNone(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob, carol := account(t, s, "alice"), account(t, s, "bob"), account(t, s, "carol")
		g := group(t, s, alice, bob, carol)
		give(t, s, alice, g, carol, role.ReadOnly, nil)
		for range 2 {
			for user, next := range map[int64]role.Group{alice.User: role.Admin, bob.User: role.Owner, carol.User: role.Admin} {
				if err := s.ImportRole(t.Context(), g, user, next); err != nil {
					t.Error(err)
				}
			}
		}
		if got := roles(t, s, carol, g); got != "[alice admin bob owner carol read-only]" {
			t.Errorf("roles are %s", got)
		}
		if err := s.ImportRole(t.Context(), g, carol.User, role.Owner); err != nil {
			t.Error(err)
		}
		if r, err := s.RoleIn(t.Context(), bob.User, g); err != nil || r != role.Owner {
			t.Errorf("bob is %v, %v", r, err)
		}
		if err := s.ImportRole(t.Context(), g, register(t, s, "dave"), role.Admin); !errors.Is(err, ErrNotMember) {
			t.Errorf("a stranger gets a role: %v", err)
		}
	})
}
