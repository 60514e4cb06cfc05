package record

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/delayed"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/redistest"
	"github.com/cim-go/cim/routefn/record/storetest"
)

// soon returns a message that is due at once.
func soon(from, to int64, id string) Scheduling {
	return Scheduling{Message: private(from, to, id)}
}

func later(from, to int64, id string) Scheduling {
	m := soon(from, to, id)
	m.After = time.Hour.Milliseconds()
	return m
}

func scheduled(t testing.TB, s *Store, list ...Scheduling) []Scheduled {
	t.Helper()
	var answers []Scheduled
	for _, m := range list {
		a, err := s.Schedule(t.Context(), m)
		if err != nil {
			t.Fatalf("schedule %s: %v", m.ID, err)
		}
		answers = append(answers, a)
	}
	return answers
}

func ids(list []Delayed) []string {
	names := []string{}
	for _, d := range list {
		names = append(names, d.ID)
	}
	return names
}

func wantIDs(t testing.TB, list []Delayed, want ...string) {
	t.Helper()
	if !slices.Equal(ids(list), append([]string{}, want...)) {
		t.Fatalf("got %v, want %v", ids(list), want)
	}
}

func TestRepeatedScheduleIsScheduledOnce(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		first := scheduled(t, s, later(alice, bob, "1"))[0]
		repeated := later(alice, bob, "1")
		repeated.After *= 2
		if again := scheduled(t, s, repeated)[0]; again.State != first.State || again.Due != first.Due || again.Wait > first.Wait {
			t.Fatalf("answered %+v, then %+v", first, again)
		}
		if list, _, err := s.Scheduled(t.Context(), alice, ScheduledAt{}, 10); err != nil || len(list) != 1 {
			t.Fatalf("pending are %v, %v", ids(list), err)
		}

		// The answer was lost, and the message was sent before the sender repeated the
		// request.
		scheduled(t, s, soon(alice, bob, "2"))
		list := take(t, s, alice, "n1")
		if again := scheduled(t, s, soon(alice, bob, "2"))[0]; again.State != proto.StateFiring {
			t.Fatalf("while it fires: %+v", again)
		}
		finish(t, s, list, proto.OK)
		if again := scheduled(t, s, soon(alice, bob, "2"))[0]; again.State != proto.StateSent || again.Due == 0 {
			t.Fatalf("after it was sent: %+v", again)
		}
		wantIDs(t, take(t, s, alice, "n1"))

		// Another sender may use the same id.
		scheduled(t, s, soon(bob, alice, "2"))
		wantIDs(t, take(t, s, bob, "n1"), "2")
	})
}

func TestSameMillisecondFiresInTheOrderOfScheduling(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		at := time.Now().Add(-time.Second).UnixMilli()
		var list []Scheduling
		want := []string{"first"}
		first := soon(alice, bob, "first")
		list = append(list, first)
		for i := range 30 { // the order of the ids differs from the order of scheduling
			m := soon(alice, bob, fmt.Sprint("m", i*7%30))
			list, want = append(list, m), append(want, m.ID)
		}
		for i := range list {
			list[i].At = at + time.Hour.Milliseconds()
		}
		scheduled(t, s, list...)
		for _, limit := range []int{4, 100} { // in pages, and all at once
			got := []string{}
			for after, first := (ScheduledAt{}), true; first || after != (ScheduledAt{}); first = false {
				page, next, err := s.Scheduled(t.Context(), alice, after, limit)
				if err != nil {
					t.Fatal(err)
				}
				got, after = append(got, ids(page)...), next
			}
			if !slices.Equal(got, want) {
				t.Fatalf("pages of %d list %v, want %v", limit, got, want)
			}
		}
		moveDue(t, s, alice, -time.Hour)
		wantIDs(t, take(t, s, alice, "n1"), want...)
	})
}

// moveDue makes the pending messages of a user's shard due earlier or later, by the
// duration by.
func moveDue(t testing.TB, s *Store, user int64, by time.Duration) {
	t.Helper()
	r := delayed.ShardOf(user)
	read := op.Read(r.Due(), []any{"zrange", r.Due(), 0, -1, "withscores"})
	s.Run(t.Context(), "due", read)
	add := []any{"zadd", r.Due()}
	for _, m := range op.ScoredList(read.Reply[0]) {
		add = append(add, fmt.Sprintf("%.17g", m.Score+float64(by.Milliseconds())), m.Member)
	}
	write := op.Write(r.Due(), add)
	if s.Run(t.Context(), "due", write); write.Err != nil {
		t.Fatal(write.Err)
	}
}

func TestCancelWorksUntilItFires(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		scheduled(t, s, later(alice, bob, "1"), soon(alice, bob, "2"), soon(alice, bob, "3"))
		for range 2 {
			if err := s.Cancel(t.Context(), alice, "1"); err != nil {
				t.Fatalf("cancel: %v", err)
			}
		}
		if err := s.Cancel(t.Context(), alice, "3"); err != nil {
			t.Fatalf("cancel what is due and not taken: %v", err)
		}
		if again := scheduled(t, s, later(alice, bob, "1"))[0]; again.State != proto.StateCancelled {
			t.Fatalf("schedule again what was cancelled: %+v", again)
		}
		if err := s.Cancel(t.Context(), bob, "2"); !errors.Is(err, ErrNotScheduled) {
			t.Fatalf("cancel somebody else's: %v", err)
		}
		list := take(t, s, alice, "n1")
		wantIDs(t, list, "2")
		if err := s.Cancel(t.Context(), alice, "2"); !errors.Is(err, ErrTooLate) {
			t.Fatalf("cancel while it fires: %v", err)
		}
		finish(t, s, list, proto.OK)
		if err := s.Cancel(t.Context(), alice, "2"); !errors.Is(err, ErrTooLate) {
			t.Fatalf("cancel after it fired: %v", err)
		}
	})
}

// Only the store's clock says what is due.
func TestClockOfTheProcessDoesNotMatter(t *testing.T) {
	fast := Config{Now: func() time.Time { return time.Now().Add(2 * time.Hour) }}
	each(t, fast, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		a := scheduled(t, s, later(alice, bob, "1"), soon(alice, bob, "2"))
		if ahead := time.Until(time.UnixMilli(a[0].Due)); ahead > time.Hour {
			t.Fatalf("an hour from now is in %v", ahead)
		}
		wantIDs(t, take(t, s, alice, "n1"), "2")
	})
}

func TestLimitsOfScheduling(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		now := time.Now()
		for name, c := range map[string]struct {
			at   time.Time
			want error
		}{
			"almost a year":      {now.Add(proto.MaxAhead - time.Hour), nil},
			"more than a year":   {now.Add(proto.MaxAhead + time.Hour), ErrInvalid},
			"an hour ago":        {now.Add(-time.Hour), nil},
			"seconds for millis": {time.UnixMilli(now.Unix()), ErrInvalid},
		} {
			m := soon(alice, bob, fmt.Sprintf("%x", name))
			m.At = c.at.UnixMilli()
			if _, err := s.Schedule(t.Context(), m); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		if _, err := s.Schedule(t.Context(), soon(alice, 0, "m")); !errors.Is(err, ErrInvalid) {
			t.Errorf("to nobody: %v", err)
		}
		r := delayed.ShardOf(alice)
		full := []any{"zadd", r.Pending(alice)}
		for i := range proto.MaxScheduled {
			full = append(full, now.UnixMilli(), fmt.Sprint("x", i))
		}
		o := op.Write(r.Pending(alice), full)
		if s.Run(t.Context(), "schedule", o); o.Err != nil {
			t.Fatal(o.Err)
		}
		if _, err := s.Schedule(t.Context(), soon(alice, bob, "m")); !errors.Is(err, ErrTooMany) {
			t.Errorf("one too many: %v", err)
		}
		scheduled(t, s, soon(bob, alice, "m")) // other users may still schedule
	})
}

func TestDroppedMessageIsToldWithItsCode(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		scheduled(t, s, soon(alice, bob, "sent"), soon(alice, 4711, "dropped"), later(alice, bob, "cancelled"))
		list := take(t, s, alice, "n1")
		if err := s.Cancel(t.Context(), alice, "cancelled"); err != nil {
			t.Fatal(err)
		}
		finish(t, s, list[:1], proto.OK)
		finish(t, s, list[1:], proto.UnknownUser)
		got, err := s.Dropped(t.Context(), alice)
		if err != nil || len(got) != 1 || got[0].ID != "dropped" || got[0].Code != proto.UnknownUser || got[0].Time < list[0].Time-1000 {
			t.Fatalf("dropped are %+v, %v", got, err)
		}
		if again := scheduled(t, s, soon(alice, 4711, "dropped"))[0]; again.State != proto.StateDropped || again.Code != proto.UnknownUser {
			t.Errorf("schedule again what was dropped: %+v", again)
		}
		o := op.Read(delayed.ShardOf(alice).Outcomes(alice), []any{"ttl", delayed.ShardOf(alice).Outcomes(alice)})
		if s.Run(t.Context(), "scheduled", o); op.Integer(o.Reply[0]) <= 0 || op.Integer(o.Reply[0]) > 86400 {
			t.Errorf("outcomes have %v s to live, %v", o.Reply, o.Err)
		}
	})
}

func TestLostAnswerToScheduleIsUnknownAndHarmless(t *testing.T) {
	p := newProxy(t, storetest.Server.Addr())
	s := dial(t, Config{URL: "redis://" + p.listener.Addr().String()})
	flush(t, s)
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	scheduled(t, s, later(alice, bob, "warm"))
	p.breakOn("text of broken", true)
	if _, err := s.Schedule(t.Context(), later(alice, bob, "broken")); !errors.Is(err, ErrUnknown) || p.times() != 1 {
		t.Fatalf("error is %v after %d tries", err, p.times())
	}
	p.breakOn("", false)
	if again := scheduled(t, s, later(alice, bob, "broken"))[0]; again.State != proto.StatePending {
		t.Fatalf("again: %+v", again)
	}
	if list, _, err := s.Scheduled(t.Context(), alice, ScheduledAt{}, 10); err != nil || len(list) != 2 {
		t.Fatalf("pending are %v, %v", ids(list), err)
	}
}

// A sender is told that a message is scheduled or cancelled only after a replica has
// that.
func TestScheduledOnlyOnceAReplicaHasIt(t *testing.T) {
	eachReplicated(t, shortWait, func(t *testing.T, s *Store, primary, replica *redistest.Server) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		scheduled(t, s, later(alice, bob, "cancelled"))
		resume := pause(t, replica)
		other := dial(t, Config{URL: primary.URL(), Replicas: 1, ReplicaTimeout: shortWait}) // a route that has not written the message
		for _, route := range []*Store{s, s, other} {
			if _, err := route.Schedule(t.Context(), later(alice, bob, "1")); !errors.Is(err, ErrUnknown) {
				t.Errorf("schedule: %v", err)
			}
			if err := route.Cancel(t.Context(), alice, "cancelled"); !errors.Is(err, ErrUnknown) {
				t.Errorf("cancel: %v", err)
			}
		}
		resume()
		scheduled(t, s, later(alice, bob, "1"))
		if err := s.Cancel(t.Context(), alice, "cancelled"); err != nil {
			t.Error(err)
		}
		promoted := dial(t, Config{URL: replica.URL()})
		list, _, err := promoted.Scheduled(t.Context(), alice, ScheduledAt{}, 10)
		if err != nil {
			t.Fatal(err)
		}
		wantIDs(t, list, "1")
	})
}

// A taken message is not sent before a replica knows that it was taken. Otherwise its
// sender could still cancel it at a replica that takes over.
func TestTakenOnlyOnceAReplicaHasIt(t *testing.T) {
	eachReplicated(t, shortWait, func(t *testing.T, s *Store, _, replica *redistest.Server) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		scheduled(t, s, soon(alice, bob, "1"))
		resume := pause(t, replica)
		for range 2 {
			if list, err := s.Take(t.Context(), int(delayed.ShardOf(alice).Shard), "n1", 0, 10); !errors.Is(err, ErrUnknown) {
				t.Errorf("taken is %+v, %v", list, err)
			}
		}
		resume()
		eventually(t, "it is taken", func() bool {
			list, err := s.Take(t.Context(), int(delayed.ShardOf(alice).Shard), "n1", 0, 10)
			return err == nil && len(list) == 1
		})
		if err := dial(t, Config{URL: replica.URL()}).Cancel(t.Context(), alice, "1"); err == nil {
			t.Error("it was cancelled at the replica, which ought to know that it was taken")
		}
	})
}
