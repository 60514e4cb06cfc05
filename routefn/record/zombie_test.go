package record

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
)

// A route is paused while it has a first try. Another route stores the repetition, and
// then somebody joins. Then the first route goes on. The newcomer is not shown the
// message, which was sent before the joining.
func TestNewcomerIsNotShownTheOld(t *testing.T) {
	for name, ago := range map[string]int64{"unknown": 0, "known": 1000} {
		t.Run(name, func(t *testing.T) {
			each(t, Config{}, func(t *testing.T, s *Store) {
				alice := Account{User: register(t, s, "alice"), Name: "alice"}
				bob := Account{User: register(t, s, "bob"), Name: "bob"}
				g := group(t, s, alice)
				now, err := s.Time(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				paused := toGroup(alice, g, "1")
				if ago > 0 {
					paused.Sent = now - ago
				}
				retry := paused
				retry.Again = true
				at := stored(t, s, retry)[0].Copies[0].Stored.At.Number
				for i := range 20 { // more than the first chunk of a search
					stored(t, s, toGroup(alice, g, fmt.Sprint("x", i)))
				}
				change(t, s, bob, g, false)
				a := stored(t, s, paused, toGroup(alice, g, "2"))
				if n := a[0].Copies[0].Stored.At.Number; n != at {
					t.Errorf("the first try stands at %d, its repetition at %d", n, at)
				}
				if got := shownOf(t, s, bob.User, g); got != "+bob 2" {
					t.Errorf("bob is shown %q", got)
				}
			})
		})
	}
}

// A newcomer is shown the messages to everyone since the newcomer's node has entered
// that group for the first login.
func TestNewcomerOfEveryoneIsNotShownWhatWasStoredBefore(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		paused := Message{From: alice, FromName: "alice", Group: proto.Everyone, ID: "1", Text: "before"}
		retry := paused
		retry.Again = true
		first := stored(t, s, retry)[0].Copies[0].Stored.At.Number
		e := s.EnterNode(t.Context(), Lease{Node: "n1", Boot: 1, Addr: "a"}, []Entering{{Group: proto.Everyone}})[0]
		if e.Err != nil || e.Newest.Number != first {
			t.Fatalf("entered at %+v, %v", e.Newest, e.Err)
		}
		if a := stored(t, s, paused)[0]; a.Copies[0].Stored.At.Number != first || !a.Repeated {
			t.Errorf("the first try stands at %d, behind the newcomer's start", a.Copies[0].Stored.At.Number)
		}
	})
}

// A first try that arrives long after it was sent is not stored, because it was sent
// again meanwhile. Messages that were sent after it are not stored either.
func TestFirstTryThatComesLateIsNotStored(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := Account{User: register(t, s, "alice"), Name: "alice"}
		bob := register(t, s, "bob")
		g := group(t, s, alice)
		now, err := s.Time(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for what, sent := range map[string]int64{
			"a minute ago": now - time.Minute.Milliseconds(), "by a clock that jumped back since": now + time.Hour.Milliseconds(),
		} {
			for _, m := range []Message{toGroup(alice, g, "1"), {From: alice.User, Group: proto.Everyone, ID: "2", Text: "1"}, private(alice.User, bob, "3")} {
				behind := m
				m.Sent, behind.Sent, behind.ID, behind.Again = sent, sent, m.ID+"b", true
				for _, a := range s.Append(t.Context(), []Message{m, behind}) {
					if !errors.Is(a.Err, ErrUnavailable) {
						t.Errorf("sent %s: %v, want %v", what, a.Err, ErrUnavailable)
					}
				}
			}
		}
		if got := shownOf(t, s, alice.User, g); got != "+alice" {
			t.Errorf("the group has %q", got)
		}
		wantKeys(t, inbox(t, s, bob))
	})
}

// The script checks the time once more, because a route may be paused after its own
// check.
func TestRouteThatIsPausedBeforeItWritesIsLate(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := Account{User: register(t, s, "alice"), Name: "alice"}
		g := group(t, s, alice)
		m := toGroup(alice, g, "1")
		m.Sent = time.Now().UnixMilli() - firstTryLife - 1
		d := newDraft(&m, m.Sent) // at that time it was not late
		if s.store(t.Context(), nil, batchesOf([]*draft{d}, receiverCopy)); !errors.Is(d.err[receiverCopy], ErrUnavailable) {
			t.Errorf("error is %v", d.err[receiverCopy])
		}
		if got := shownOf(t, s, alice.User, g); got != "+alice" {
			t.Errorf("the group has %q", got)
		}
	})
}
