package record

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cim-go/cim/proto"
)

func TestOpeningTellsNewestAndCursors(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		at := stored(t, s, private(alice, bob, "1"))[0].Copies[0].Stored.At.Position()
		at.Key = key(alice, 1)
		first := login(t, s, bob, "phone", "n1", 0)
		if o := open(t, s, bob, "phone", "n1", first.Number, 0); o.Newest != at || len(o.Cursors) != 0 {
			t.Errorf("new device: %+v, want %+v and no cursor", o, at)
		}
		ack(t, s, bob, "phone", first.Number, at)
		if o := open(t, s, bob, "phone", "n1", first.Number, 0); len(o.Cursors) != 1 || o.Cursors[0] != at {
			t.Errorf("cursors are %+v, want %+v", o.Cursors, at)
		}
	})
}

func ack(t testing.TB, s *Store, user int64, device string, number int64, at ...proto.Position) {
	t.Helper()
	if err := s.Ack(t.Context(), []Acking{{User: user, Device: device, Number: number, Cursors: at}})[0]; err != nil {
		t.Fatal(err)
	}
}

func TestCursorsOnlyGoForward(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		session := login(t, s, bob, "phone", "n1", 0)
		var at [3]proto.Position
		for i := range at {
			at[i] = stored(t, s, private(alice, bob, string(rune('a'+i))))[0].Copies[0].Stored.At.Position()
			at[i].Key = ""
		}
		group := proto.Position{Log: proto.Everyone, Epoch: 0xffffffffffffffff, Number: 3, Key: "42:x"}
		otherGroupEpoch := group
		otherGroupEpoch.Epoch, otherGroupEpoch.Number = 5, 1
		beyond, foreign := at[2], at[2]
		beyond.Number += 100
		foreign.Epoch++
		steps := []struct {
			ack    proto.Position
			number int64
			inbox  proto.Position
			group  proto.Position
		}{
			{at[1], session.Number, at[1], proto.Position{}},
			{at[0], session.Number, at[1], proto.Position{}},
			{beyond, session.Number, at[1], proto.Position{}},
			{foreign, session.Number, at[1], proto.Position{}},
			{group, session.Number, at[1], group},
			{otherGroupEpoch, session.Number + 1, at[1], group},
			{otherGroupEpoch, session.Number, at[1], otherGroupEpoch},
			{at[2], session.Number - 1, at[2], otherGroupEpoch}, // this number is not closed: a failover lost that
		}
		for i, step := range steps {
			ack(t, s, bob, "phone", step.number, step.ack)
			all, err := s.Cursors(t.Context(), bob)
			got := all["phone"]
			if err != nil || got[0] != step.inbox || len(got) > 1 && got[1] != step.group {
				t.Fatalf("step %d: cursors are %+v, %v", i, got, err)
			}
		}
	})
}

func TestCursorsAreThoseOfEveryDevice(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		at := stored(t, s, private(alice, bob, "1"))[0].Copies[0].Stored.At.Position()
		for _, device := range []string{"phone", "laptop"} {
			ack(t, s, bob, device, login(t, s, bob, device, "n1", 0).Number, at)
		}
		login(t, s, bob, "tv", "n1", 0)
		got, err := s.Cursors(t.Context(), bob)
		if err != nil || len(got) != 2 || got["phone"][0] != at || got["laptop"][0] != at {
			t.Errorf("cursors are %+v, %v", got, err)
		}
	})
}

func TestClosedNumberMovesNoCursor(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		old := login(t, s, bob, "phone", "n1", 0)
		login(t, s, bob, "phone", "n2", old.Number)
		at := stored(t, s, private(alice, bob, "1"))[0].Copies[0].Stored.At.Position()
		ack(t, s, bob, "phone", old.Number, at)
		if got, err := s.Cursors(t.Context(), bob); err != nil || len(got) != 0 {
			t.Errorf("cursors are %+v, %v", got, err)
		}
		errs := s.Ack(t.Context(), []Acking{
			{User: bob, Device: "phone", Number: old.Number, Cursors: []proto.Position{{Number: 2, Key: "1:a\tb"}}},
			{User: bob, Device: "phone", Number: old.Number, Cursors: []proto.Position{{Log: -1}}},
			{User: bob, Device: "pho\nne", Number: old.Number},
		})
		if !errors.Is(errs[0], ErrInvalid) || !errors.Is(errs[1], ErrInvalid) || !errors.Is(errs[2], ErrInvalid) {
			t.Errorf("errors are %v", errs)
		}
	})
}

// The messages that a connection had read when it ended count, although its logout or a
// newer connection was reported before. They move no cursor back.
func TestConnectionThatEndedMovesItsCursors(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		old := login(t, s, bob, "cim", "n1", 0)
		var at []proto.Position
		for _, text := range []string{"1", "2"} {
			at = append(at, stored(t, s, private(alice, bob, text))[0].Copies[0].Stored.At.Position())
		}
		end := func(number int64, through proto.Position) {
			t.Helper()
			a := Acking{User: bob, Device: "cim", Number: number, Cursors: []proto.Position{through}, Ended: true}
			if err := s.Ack(t.Context(), []Acking{a})[0]; err != nil {
				t.Fatal(err)
			}
			if got, err := s.Cursors(t.Context(), bob); err != nil || len(got["cim"]) != 1 || got["cim"][0].Number != at[1].Number {
				t.Errorf("cursors are %+v, %v", got, err)
			}
		}
		closeSession(t, s, bob, "cim", old.Number)
		end(old.Number, at[1])
		newer := login(t, s, bob, "cim", "n1", 0)
		end(old.Number, at[0])
		if newer.Number <= old.Number {
			t.Fatalf("%d was given after %d", newer.Number, old.Number)
		}
	})
}

// If a device has no cursor of a group, its opening gives it one, once.
func TestOpeningStartsACursor(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		start := func(number, at int64) Opened {
			return s.OpenSessions(t.Context(), []Opening{{
				User: alice, Number: number, Displaces: -1, Session: Session{Device: "phone", Node: "n1", Boot: 7, Addr: "n1:1"},
				Start: proto.Position{Log: proto.Everyone, Epoch: 0xab, Number: at, Key: fmt.Sprintf("%d:x", alice)},
			}})[0]
		}
		want := func(what string, got []proto.Position, inbox, everyone int64) {
			t.Helper()
			at := make(map[int64]int64)
			for _, c := range got {
				at[c.Log] = c.Number
			}
			if at[proto.Inbox] != inbox || at[proto.Everyone] != everyone || len(got) > 2 {
				t.Errorf("%s: %+v", what, got)
			}
		}
		first := issue(t, s, alice, "phone")
		o := start(first.Number, 5)
		want("the first opening", o.Cursors, 0, 5)
		want("again", start(first.Number, 9).Cursors, 0, 5)
		if errs := s.Ack(t.Context(), []Acking{{User: alice, Device: "phone", Number: first.Number, Cursors: []proto.Position{o.Newest, {Log: proto.Everyone, Epoch: 0xab, Number: 7}}}}); errs[0] != nil {
			t.Fatal(errs)
		}
		second := issue(t, s, alice, "phone")
		want("the next one", start(second.Number, 11).Cursors, o.Newest.Number, 7)
		if late := start(first.Number, 12); !errors.Is(late.Err, ErrSuperseded) {
			t.Errorf("a late opening: %v", late.Err)
		}
		cursors, err := s.Cursors(t.Context(), alice)
		if err != nil {
			t.Fatal(err)
		}
		want("in the store", cursors["phone"], o.Newest.Number, 7)
	})
}
