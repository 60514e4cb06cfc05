package record

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/storetest"
)

// bounded is a configuration in which an inbox has so many places.
func bounded(places int) Config {
	return Config{Retention: Retention{Count: places}, Limits: limit.Limits{Inboxes: true}}
}

// writes sends messages one by one, and returns how many were accepted. All others must be
// refused because the inbox is full.
func writes(t testing.TB, s *Store, from, to int64, ids string, n int, again bool) (accepted int) {
	t.Helper()
	for i := range n {
		m := private(from, to, fmt.Sprint(ids, i))
		m.Again = again
		switch err := s.Append(t.Context(), []Message{m})[0].Err; {
		case err == nil:
			accepted++
		case !errors.Is(err, ErrInboxFull):
			t.Fatalf("message %d: %v", i, err)
		}
	}
	return accepted
}

// end returns the position of the newest entry of an inbox.
func end(t testing.TB, s *Store, user int64) proto.Position {
	t.Helper()
	p, err := s.Pull(t.Context(), user, proto.Position{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	return p.Newest
}

// A hundred accounts write to a user who is away, each as much as it can, over connections
// and over HTTP, through two routes. Earlier messages stay. Half of
// the inbox is kept for those to whom the user wrote. When the user has read, all may write again.
func TestConspirersPushNothingOut(t *testing.T) {
	eachTwo(t, bounded(100), bounded(100), func(t *testing.T, one, other *Store) {
		alice, bob := register(t, one, "alice"), register(t, one, "bob")
		stored(t, one, private(alice, bob, "first"))
		accepted := 0
		routes := []*Store{one, other}
		for i := range 100 {
			user := register(t, one, fmt.Sprint("user", i))
			n := writes(t, routes[i%2], user, bob, "m", 12, i%3 == 0)
			if n > 10 {
				t.Errorf("user %d holds %d of 100 places", i, n)
			}
			accepted += n
		}
		if accepted < 49 || accepted > 51 { // alice is one of them, and each route may be ahead by one
			t.Errorf("strangers hold %d of 100 places, want half", accepted+1)
		}
		contacts := 0
		for i := range 8 {
			carol := register(t, one, fmt.Sprint("carol", i))
			stored(t, one, private(bob, carol, fmt.Sprint("hi", i)))
			contacts += writes(t, routes[i%2], carol, bob, "m", 12, i%3 == 0)
		}
		if accepted+1+contacts != 100 {
			t.Errorf("strangers hold %d places and contacts %d, of 100", accepted+1, contacts)
		}
		other.trim(t.Context(), []logref.Ref{{User: bob}})
		if got := inbox(t, one, bob); got[0] != proto.Key(alice, "first") || len(got) != 108 {
			t.Errorf("the inbox has %d messages, the first one is %s", len(got), got[0])
		}
		phone := login(t, one, bob, "phone", "n1", 0)
		ack(t, one, bob, "phone", phone.Number, end(t, one, bob))
		for i := range 20 {
			if n := writes(t, routes[i%2], alice, bob, fmt.Sprint("more", i, "-"), 12, i%3 == 0); n < 10 || n > 11 {
				t.Errorf("after bob has read, alice writes %d messages", n)
			}
			ack(t, other, bob, "phone", phone.Number, end(t, one, bob))
		}
		if got := len(inbox(t, one, bob)); got > 100+trimEvery {
			t.Errorf("the inbox has %d messages, all of which were read", got)
		}
	})
}

// Without the limit, retention by number removes the oldest messages, as it does in the
// log of a group.
func TestWithoutTheLimitTheOldestMessagesGo(t *testing.T) {
	each(t, Config{Retention: Retention{Count: 10}}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		if n := writes(t, s, alice, bob, "m", 3*trimEvery, false); n != 3*trimEvery {
			t.Errorf("%d messages were accepted", n)
		}
		if got := inbox(t, s, bob); len(got) > 10+trimEvery || got[0] == proto.Key(alice, "m0") {
			t.Errorf("the inbox has %d messages from %s on", len(got), got[0])
		}
	})
}

// A refused message is in no log, and its repetition is accepted when there is a place. A
// message that was stored is found however full the inbox is.
func TestRefusedMessageIsInNoLog(t *testing.T) {
	each(t, bounded(20), func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		messages := make([]Message, 4)
		for i := range messages {
			messages[i] = private(alice, bob, fmt.Sprint(i))
		}
		for range 2 {
			for i, a := range s.Append(t.Context(), messages) {
				if full := i >= 2; full != errors.Is(a.Err, ErrInboxFull) || full == (a.Err == nil) {
					t.Errorf("message %d: %v", i, a.Err)
				}
				messages[i].Again = true
			}
		}
		for _, user := range []int64{alice, bob} {
			wantKeys(t, inbox(t, s, user), proto.Key(alice, "0"), proto.Key(alice, "1"))
		}
		if _, err := s.Fetch(t.Context(), bob, end(t, s, bob), 0); err != nil {
			t.Fatal(err)
		}
		stored(t, s, messages...)
		if got := inbox(t, s, alice); len(got) != 4 {
			t.Errorf("alice has %v", got)
		}
	})
}

// A pull says that what stands before its position was fetched. One by a node, or from
// another log's position, says nothing.
func TestOnlyWhatADeviceFetchedGivesItsPlaceBack(t *testing.T) {
	each(t, bounded(20), func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		writes(t, s, alice, bob, "m", 2, false)
		at := end(t, s, bob)
		foreign := at
		foreign.Epoch++
		for name, pull := range map[string]func() (Pulled, error){
			"from-the-beginning": func() (Pulled, error) { return s.Fetch(t.Context(), bob, proto.Position{}, 0) },
			"by-a-node":          func() (Pulled, error) { return s.Pull(t.Context(), bob, at, 0) },
			"in-another-epoch":   func() (Pulled, error) { return s.Fetch(t.Context(), bob, foreign, 0) },
		} {
			if _, err := pull(); err != nil && !errors.Is(err, ErrDiverged) {
				t.Fatal(err)
			}
			if n := writes(t, s, alice, bob, name, 1, false); n != 0 {
				t.Errorf("a pull %s gave a place back", name)
			}
		}
		if _, err := s.Fetch(t.Context(), bob, at, 0); err != nil {
			t.Fatal(err)
		}
		if n := writes(t, s, alice, bob, "after", 5, true); n != 2 {
			t.Errorf("after a pull, %d messages were accepted, want 2", n)
		}
	})
}

// An inbox of an earlier version does not tell how far it was fetched. Its cursors do.
func TestCursorsOfAnEarlierVersionCount(t *testing.T) {
	each(t, bounded(20), func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		for i, device := range []string{"phone", "desk", "old"} {
			writes(t, s, alice, bob, device, 1, false)
			ack(t, s, bob, device, login(t, s, bob, device, "n1", 0).Number, end(t, s, bob))
			if i == 0 {
				writes(t, s, alice, bob, "unread", 1, false)
			}
		}
		writes(t, s, alice, bob, "last", 1, false)
		hash := logref.Ref{User: bob}.Hash()
		s.Run(t.Context(), "append", op.Write(hash, []any{"hdel", hash, "read"}))
		if n := writes(t, s, alice, bob, "more", 5, false); n != 1 {
			t.Errorf("%d messages were accepted, want 1: one waits", n)
		}
	})
}

// A message that waits for too long makes room, because it goes with its age.
func TestMessageThatIsTooOldGivesItsPlaceBack(t *testing.T) {
	cfg := bounded(20)
	cfg.Retention.Age = time.Hour.Milliseconds()
	each(t, cfg, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		l := logref.Ref{User: bob}
		old := []Message{private(alice, bob, "old0"), private(alice, bob, "old1")}
		for i := range old {
			old[i].backdate(2 * time.Hour)
		}
		s.Run(t.Context(), "append", op.Write(l.List(), []any{"lset", l.List(), 0, genesisAt(t, old[0].Time)}))
		stored(t, s, old...)
		if n := writes(t, s, alice, bob, "m", 2, false); n != 0 {
			t.Errorf("%d messages were accepted, want none", n)
		}
		stored(t, s, private(register(t, s, "carol"), bob, "young"))
		s.trim(t.Context(), []logref.Ref{l})
		if got := inbox(t, s, bob); len(got) != 1 {
			t.Errorf("the inbox has %v", got)
		}
		if n := writes(t, s, alice, bob, "m", 5, false); n != 2 {
			t.Errorf("%d messages were accepted, want 2", n)
		}
	})
}

// A user who sends and reads nothing keeps their own copies within the bound. If a
// message waits among them, they are refused in the end, and the message stays. A
// repetition of a message that was stored is not refused.
func TestOwnMessagesPushNothingOut(t *testing.T) {
	each(t, bounded(100), func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		phone := login(t, s, alice, "phone", "n1", 0)
		send := func(n int, ids string) (refused int) {
			for i := range n {
				m := private(bob, alice, fmt.Sprint(ids, i))
				m.Again = i%2 == 0
				err := s.Append(t.Context(), []Message{m})[0].Err
				if err != nil && !errors.Is(err, ErrOwnInboxFull) {
					t.Fatalf("message %d: %v", i, err)
				}
				if err != nil {
					refused++
				}
				if i%5 == 4 {
					ack(t, s, alice, "phone", phone.Number, end(t, s, alice))
				}
			}
			return refused
		}
		if n := send(5*trimEvery, "m"); n != 0 {
			t.Errorf("%d messages were refused, and nobody wrote to bob", n)
		}
		if got := len(inbox(t, s, bob)); got > 100+trimEvery {
			t.Errorf("bob's inbox has %d own messages", got)
		}
		stored(t, s, private(alice, bob, "waits"))
		if n := send(5*trimEvery, "more"); n == 0 {
			t.Error("no message is refused")
		}
		if got := inbox(t, s, bob); !slices.Contains(got, proto.Key(alice, "waits")) || len(got) > 200 {
			t.Errorf("bob's inbox has %d messages from %s on", len(got), got[0])
		}
		again := private(bob, alice, "more1")
		again.Again = true
		if a := stored(t, s, again)[0]; !a.Repeated {
			t.Error("a repetition was stored again")
		}
		group := private(bob, 0, "group")
		group.Group = proto.Everyone
		stored(t, s, group)
		if _, err := s.Fetch(t.Context(), bob, end(t, s, bob), 0); err != nil {
			t.Fatal(err)
		}
		if n := send(5*trimEvery, "read"); n != 0 {
			t.Errorf("%d messages were refused, and bob has read", n)
		}
	})
}

// The first message to an inbox that few messages wait in takes as many commands with the
// limit as without it. So does one that is marked Again.
func TestPlacesCostNoCommands(t *testing.T) {
	count := func(limits limit.Limits, again bool) int {
		s := dial(t, Config{URL: storetest.Server.URL(), Limits: limits})
		flush(t, s)
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		send := func(id string) {
			m := private(alice, bob, id)
			m.Again = again
			stored(t, s, m)
		}
		send("first")
		send("second")
		return storetest.Commands(t, s.Topology, func() {
			for i := range 10 {
				send(fmt.Sprint(i))
			}
		})
	}
	limits := limit.Default()
	without := limits
	without.Inboxes = false
	for _, again := range []bool{false, true} {
		if with, no := count(limits, again), count(without, again); with != no {
			t.Errorf("again %v: ten messages take %d commands with the limit, and %d without", again, with, no)
		}
	}
}

// Half of an inbox is kept for contacts, also for those to whom its owner never wrote.
func TestContactIsNoStrangerToAFullInbox(t *testing.T) {
	each(t, bounded(20), func(t *testing.T, s *Store) {
		bob, friend, late := register(t, s, "bob"), register(t, s, "friend"), register(t, s, "late")
		befriend(t, s, friend, bob)
		for i := range 5 {
			if n := writes(t, s, register(t, s, fmt.Sprint("user", i)), bob, "m", 2, false); n != 2 {
				t.Fatalf("stranger %d writes %d", i, n)
			}
		}
		if n := writes(t, s, late, bob, "m", 1, false); n != 0 {
			t.Errorf("one more stranger writes %d", n)
		}
		if n := writes(t, s, friend, bob, "m", 2, false); n != 2 {
			t.Errorf("the contact writes %d", n)
		}
	})
}
