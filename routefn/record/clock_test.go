package record

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/delayed"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/redistest"
)

const day = 24 * time.Hour

// wrongClocks returns wrong wall clocks for a process, by what is wrong with each.
func wrongClocks() map[string]func() time.Time {
	clocks := make(map[string]func() time.Time)
	for _, off := range []time.Duration{-15 * day, -150 * time.Second, -2 * time.Second, 2 * time.Second, 125 * time.Second, 15 * day} {
		clocks[off.String()] = func() time.Time { return time.Now().Add(off) }
	}
	var looks atomic.Int64
	clocks["stepping"] = func() time.Time {
		return time.Now().Add(time.Duration(looks.Add(1)%3-1) * 15 * day)
	}
	return clocks
}

// wantRightTimes fails if bob's inbox does not have n entries, or if one has a time
// that is not between from and to.
func wantRightTimes(t *testing.T, s *Store, bob int64, n int, from, to time.Time) {
	t.Helper()
	p, err := s.Pull(t.Context(), bob, proto.Position{}, 0)
	if err != nil || len(p.Entries) != n {
		t.Fatalf("%d of %d messages are left, %v", len(p.Entries), n, err)
	}
	for _, e := range p.Entries {
		m, err := e.Message()
		if at := time.UnixMilli(m.Time); err != nil || at.Before(from) || at.After(to) {
			t.Fatalf("%s has the time %v, want one between %v and %v; %v", e.Key, at, from, to, err)
		}
	}
}

func TestWrongClockOfARouteDropsNothingAndIsInNoEntry(t *testing.T) {
	for name, clock := range wrongClocks() {
		t.Run(name, func(t *testing.T) {
			eachTwo(t, Config{}, Config{Now: clock}, func(t *testing.T, right, wrong *Store) {
				alice, bob := register(t, right, "alice"), register(t, right, "bob")
				begun := time.Now().Add(-5 * time.Second)
				const n = 2 * trimEvery
				for i := range n {
					s := right
					if i > trimEvery/2 && i%8 > 0 {
						s = wrong
					}
					m := private(alice, bob, fmt.Sprint(i))
					m.Time = s.Times.Wall().UnixMilli()
					stored(t, s, m)
				}
				scheduled(t, right, soon(alice, bob, "late"))
				fire(t, wrong, alice, "n1")
				wantRightTimes(t, right, bob, n+1, begun, time.Now().Add(5*time.Second))
			})
		})
	}
}

// withClock starts a store whose clock can be set.
func withClock(t *testing.T) (*Store, *redistest.Clock) {
	t.Helper()
	clock, err := redistest.NewClock(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = clock.Close() })
	server, err := redistest.Redis(t.Context(), redistest.Config{Dir: t.TempDir(), Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return dial(t, Config{URL: server.URL()}), clock
}

// The clock of the store's server jumps back and forth.
func TestJumpOfTheStoresClockDropsNothing(t *testing.T) {
	s, clock := withClock(t)
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	n := 0
	for _, offset := range []time.Duration{0, 15 * day, 0, -15 * day, 0} {
		if err := clock.Set(offset); err != nil {
			t.Fatal(err)
		}
		for range trimEvery + 1 {
			stored(t, s, private(alice, bob, fmt.Sprint(n)))
			n++
		}
		s.trim(t.Context(), []logref.Ref{{User: bob}})
	}
	if got := inbox(t, s, bob); len(got) != n {
		t.Errorf("%d of %d messages are left", len(got), n)
	}
}

// The store's clock is half an hour ahead when a route takes a message. It jumps back
// before the message is in both logs. The second copy does not wait for that half hour.
func TestTakenMessageStaysDueWhenTheClockJumpsBack(t *testing.T) {
	s, clock := withClock(t)
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	if err := clock.Set(30 * time.Minute); err != nil {
		t.Fatal(err)
	}
	due := scheduled(t, s, soon(alice, bob, "1"), soon(alice, bob, "2"))[1].Due
	first := take(t, s, alice, "dead")
	wantIDs(t, first, "1", "2")
	s.store(t.Context(), nil, batchesOf([]*draft{newDraft(&first[0].Message, 0)}, receiverCopy))
	if err := clock.Set(0); err != nil {
		t.Fatal(err)
	}
	die(t, s, alice)
	scheduled(t, s, later(alice, bob, "3"))
	if shards, next, err := s.Shards(t.Context()); err != nil || !slices.Contains(shards, int(delayed.ShardOf(alice).Shard)) {
		t.Fatalf("due are shards %v, others in %v, %v", shards, next, err)
	}
	if again := scheduled(t, s, soon(alice, bob, "2"))[0]; again.State != proto.StateFiring || again.Due != due {
		t.Errorf("scheduled again it is %+v, want it due at %d", again, due)
	}
	second := fire(t, s, alice, "n2")
	wantIDs(t, second, "1", "2")
	if second[1].Due != due || second[1].Time != first[1].Time {
		t.Errorf("due at %d with the time %d, was due at %d with the time %d", second[1].Due, second[1].Time, due, first[1].Time)
	}
	wantIDs(t, take(t, s, alice, "n2"))
	wantKeys(t, inbox(t, s, bob), key(alice, 1), key(alice, 2))
	wantKeys(t, inbox(t, s, alice), key(alice, 1), key(alice, 2))
}

// Different routes store a message, later messages, and the repetition. Their clocks
// differ by more than the time that a search goes back.
func TestRepetitionIsFoundWhateverTheClocksOfRoutes(t *testing.T) {
	for name, clock := range wrongClocks() {
		t.Run(name, func(t *testing.T) {
			eachTwo(t, Config{}, Config{Now: clock}, func(t *testing.T, right, wrong *Store) {
				alice, bob := register(t, right, "alice"), register(t, right, "bob")
				for _, by := range [][3]*Store{{right, right, wrong}, {right, wrong, right}, {wrong, right, right}} {
					m := private(alice, bob, fmt.Sprintf("m%p%p", by[0], by[1]))
					send := func(s *Store, m Message) *proto.Stored {
						m.Time = s.Times.Wall().UnixMilli()
						return stored(t, s, m)[0].Copies[0].Stored
					}
					first := send(by[0], m)
					for i := range 20 { // more than the first chunk of the search
						send(by[1], private(bob, alice, fmt.Sprintf("x%s%d", m.ID, i)))
					}
					m.Again = true
					if again := send(by[2], m); again.At.Number != first.At.Number {
						t.Errorf("%s stands at %d and at %d", m.ID, first.At.Number, again.At.Number)
					}
				}
			})
		})
	}
}

// A process that stood still reads the store's clock before it stores anything.
func TestFrozenProcessAsksForTheTime(t *testing.T) {
	var frozen atomic.Int64 // ms by which the monotonic clock fell behind
	now := func() time.Time { return time.Now().Add(time.Duration(frozen.Load()) * time.Millisecond) }
	each(t, Config{Now: now}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		stored(t, s, private(alice, bob, "1"))
		begun := time.Now().Add(-5 * time.Second)
		// As if it had stood still for an hour since it heard of the time.
		now := s.Times.Moment()
		err := s.Topology.Each(t.Context(), func(_ context.Context, c *redis.Client) error {
			s.Times.Hear(c, time.Now().Add(-time.Hour).UnixMilli(), now, now)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		frozen.Add(time.Hour.Milliseconds())
		at := stored(t, s, private(alice, bob, "2"))[0].Time
		if at < begun.UnixMilli() || at > time.Now().Add(5*time.Second).UnixMilli() {
			t.Errorf("the message is of %v", time.UnixMilli(at))
		}
	})
}

// A client that left may log out soon afterwards. A logout much later is by somebody
// else, and says nothing about what the client had read.
func TestLogoutLongAfterAClientLeftDoesNotCount(t *testing.T) {
	s, clock := withClock(t)
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	at := stored(t, s, private(alice, bob, "1"))[0].Copies[0].Stored.At.Position()
	for _, test := range []struct {
		later  time.Duration
		counts bool
	}{{29 * time.Second, true}, {31 * time.Second, false}} {
		session := open(t, s, bob, "cim", "n1", 0, -1)
		if session.Err != nil {
			t.Fatal(session.Err)
		}
		if err := s.CloseSessions(t.Context(), []Closing{{User: bob, Device: "cim", Number: session.Number}})[0]; err != nil {
			t.Fatal(err)
		}
		if err := s.Ack(t.Context(), []Acking{{User: bob, Device: "cim", Number: session.Number, Left: []proto.Position{at}}})[0]; err != nil {
			t.Fatal(err)
		}
		if err := clock.Set(test.later); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Logout(t.Context(), bob, "cim", nil); err != nil {
			t.Fatal(err)
		}
		if r := open(t, s, bob, "cim", "n1", 0, -1).Received; r == nil || !r.Left || r.LoggedOut != test.counts {
			t.Errorf("%v later: %+v", test.later, r)
		}
		if err := clock.Set(0); err != nil {
			t.Fatal(err)
		}
	}
}
