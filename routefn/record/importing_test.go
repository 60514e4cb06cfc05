package record

import (
	"fmt"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
	"github.com/cim-go/cim/routefn/record/transfer"
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
