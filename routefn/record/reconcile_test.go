package record

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

func TestReconcileTellsWhatDiffers(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		same := login(t, s, bob, "same", "n1", 0)
		displaced := login(t, s, bob, "displaced", "n1", 0)
		login(t, s, bob, "displaced", "n2", displaced.Number)
		closed := login(t, s, bob, "closed", "n1", 0)
		closeSession(t, s, bob, "closed", closed.Number)
		lost := issue(t, s, bob, "lost").Number
		stale := login(t, s, bob, "stale", "n1", 0)
		newest := stored(t, s, private(alice, bob, "1"))[0].Copies[0].Stored
		at := newest.At.Position()
		at.Key = newest.Key
		otherKey, lower := at, at
		otherKey.Key, lower.Number = "1:x", 1

		held := func(device string, number int64, at proto.Position) Held {
			return Held{User: bob, Device: device, Number: number, Newest: at}
		}
		got, err := s.Reconcile(t.Context(), []Held{
			held("same", same.Number, at),
			held("displaced", displaced.Number, at),
			held("closed", closed.Number, at),
			held("lost", lost, at),
			held("stale", stale.Number+1, at),
			held("same", same.Number, otherKey),
			held("same", same.Number, lower),
			{User: 4711, Device: "phone", Number: 3},
		}, "n1", 7)
		if err != nil {
			t.Fatal(err)
		}
		want := []proto.Verdict{proto.Verdict_DISPLACED, proto.Verdict_DISPLACED, proto.Verdict_UNKNOWN, proto.Verdict_UNKNOWN,
			proto.Verdict_BEHIND, proto.Verdict_BEHIND, proto.Verdict_UNKNOWN}
		if len(got) != len(want) {
			t.Fatalf("differences are %+v", got)
		}
		for i, d := range got {
			if d.Verdict != want[i] || d.Verdict == proto.Verdict_BEHIND && d.Newest != at {
				t.Errorf("difference %d is %+v, want %v", i, d, want[i])
			}
		}
		for who, want := range map[Session]proto.Verdict{
			{Node: "n1", Boot: 7}: proto.Verdict_SAME,
			{Node: "n1", Boot: 8}: proto.Verdict_UNKNOWN,
			{Node: "n2", Boot: 7}: proto.Verdict_DISPLACED,
		} {
			got, err := s.Reconcile(t.Context(), []Held{held("same", same.Number, at)}, who.Node, who.Boot)
			same := want == proto.Verdict_SAME && len(got) == 0
			if err != nil || !same && (len(got) != 1 || got[0].Verdict != want) {
				t.Errorf("%+v: %+v, %v, want %v", who, got, err, want)
			}
		}
	})
}

// Each batch of connections uses the ops of the batch before.
func TestReconcileTellsTheConnectionsOfAllBatchesApart(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		var held []Held
		var want []int64
		for i := range 2*reconcileChunk + 5 {
			user := register(t, s, fmt.Sprint("user", i))
			h := Held{User: user, Device: "phone", Number: login(t, s, user, "phone", "n1", 0).Number}
			if i%reconcileChunk == 3 {
				h.Number++
				want = append(want, user)
			}
			held = append(held, h)
		}
		got, err := s.Reconcile(t.Context(), held, "n1", 7)
		if err != nil {
			t.Fatal(err)
		}
		var unknown []int64
		for _, d := range got {
			if d.Verdict == proto.Verdict_UNKNOWN {
				unknown = append(unknown, d.Held.User)
			}
		}
		if !slices.Equal(unknown, want) {
			t.Errorf("unknown are %v, want %v", unknown, want)
		}
	})
}

// inTheHash returns a function that brings the hash of a user's inbox back to its
// present state.
func inTheHash(t *testing.T, s *Store, user int64) (restore func()) {
	t.Helper()
	hash := logref.Ref{User: user}.Hash()
	now := op.Read(hash, []any{"hgetall", hash})
	s.Run(t.Context(), "open", now)
	if now.Err != nil {
		t.Fatal(now.Err)
	}
	fields, _ := now.Reply[0].([]any)
	return func() {
		t.Helper()
		back := op.Write(hash, []any{"del", hash}, append([]any{"hset", hash}, fields...))
		s.Run(t.Context(), "open", back)
		if back.Err != nil {
			t.Fatal(back.Err)
		}
	}
}

// After a failover, the store has a connection as live that two later ones have
// displaced. The last one's ticket names the one in between. By repeating its opening,
// the last one is live again.
func TestFailoverToAnOlderRecordRejectsNoLiveConnection(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		first := login(t, s, alice, "phone", "n1", 0)
		restore := inTheHash(t, s, alice)
		second := login(t, s, alice, "phone", "n2", first.Number)
		third := login(t, s, alice, "phone", "n3", second.Number)
		restore()
		o := open(t, s, alice, "phone", "n3", third.Number, second.Number)
		if o.Err != nil || o.Displaced == nil || *o.Displaced != first {
			t.Fatalf("opened again: %+v", o)
		}
		wantSessions(t, s, alice, third)
	})
}

// A failover forgot a connection, and another one was admitted after that. It did not
// displace the first one. Reconciliation reports that differently from a displacement.
func TestReconcileTellsTheForgottenFromTheDisplaced(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		judged := func(held Session) Difference {
			t.Helper()
			list, err := s.Reconcile(t.Context(), []Held{{User: alice, Device: "phone", Number: held.Number}}, held.Node, held.Boot)
			if err != nil || len(list) != 1 || list[0].Verdict != proto.Verdict_DISPLACED {
				t.Fatalf("%+v, %v", list, err)
			}
			return list[0]
		}
		restore := inTheHash(t, s, alice)
		forgotten := login(t, s, alice, "phone", "n1", 0)
		restore()
		eventually(t, "the next number is another", func() bool { return storeClock(t, s) > forgotten.Number })
		second := login(t, s, alice, "phone", "n2", 0)
		if !judged(forgotten).Passed {
			t.Error("the forgotten one is told that it was displaced")
		}
		login(t, s, alice, "phone", "n3", second.Number)
		if judged(second).Passed {
			t.Error("the displaced one is told that it was forgotten")
		}
	})
}
