package record

import (
	"slices"
	"testing"

	"github.com/cim-go/cim/proto"
)

// The positions that a device received are kept with its live session until its end is
// known. The next opening gets them. That alone moves no cursor.
func TestReceivedIsHandedToTheNextOpening(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		at := stored(t, s, private(alice, bob, "1"))[0].Copies[0].Stored.At.Position()
		everyone := proto.Position{Log: proto.Everyone, Epoch: 5, Number: 7, Key: "1:x"}
		first := login(t, s, bob, "cim", "n1", 0)
		receive := func(number int64, through ...proto.Position) {
			t.Helper()
			if err := s.Ack(t.Context(), []Acking{{User: bob, Device: "cim", Number: number, Received: through}})[0]; err != nil {
				t.Fatal(err)
			}
		}
		reopen := func() Opened {
			t.Helper()
			o := open(t, s, bob, "cim", "n2", 0, -1)
			if o.Err != nil {
				t.Fatal(o.Err)
			}
			return o
		}
		receive(first.Number-1, at)
		if o := open(t, s, bob, "cim", "n1", first.Number, 0); o.Received != nil {
			t.Errorf("a number that is not live received %+v", o.Received)
		}
		receive(first.Number, at, everyone)
		if o := open(t, s, bob, "cim", "n1", first.Number, 0); o.Received != nil || len(o.Cursors) != 0 {
			t.Errorf("the same opening again: %+v", o)
		}

		if _, err := s.Logout(t.Context(), bob, "cim", nil); err != nil { // as CIM's client does before it disconnects
			t.Fatal(err)
		}
		receive(first.Number, everyone)
		for range 2 { // once more, in case that the first decision was lost
			o := reopen()
			got := o.Received
			if got == nil || !slices.Equal(got.Through, []proto.Position{at, everyone}) || got.Session.Number != first.Number ||
				got.Session.Addr != "n1:8081" || got.Session.Boot != 7 || len(o.Cursors) != 0 {
				t.Fatalf("opened with %+v of %+v", got, o)
			}
		}
		judged := Acking{User: bob, Device: "cim", Number: first.Number, Cursors: []proto.Position{at}, Ended: true}
		if err := s.Ack(t.Context(), []Acking{judged})[0]; err != nil {
			t.Fatal(err)
		}
		if o := reopen(); o.Received != nil || len(o.Cursors) != 1 || o.Cursors[0] != at {
			t.Errorf("after the judgement: %+v", o)
		}
	})
}

func TestReceivedEndsWithItsSession(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		at := stored(t, s, private(alice, bob, "1"))[0].Copies[0].Stored.At.Position()
		for name, test := range map[string]struct {
			end  Closing
			kept bool
		}{
			"closed":                 {Closing{}, false},
			"an earlier one closed":  {Closing{Number: -1}, true},
			"lost with its node":     {Closing{Lost: true}, true},
			"a later one was closed": {Closing{Number: 1}, false},
		} {
			session := open(t, s, bob, "cim", "n1", 0, -1)
			if err := s.Ack(t.Context(), []Acking{{User: bob, Device: "cim", Number: session.Number, Received: []proto.Position{at}}})[0]; err != nil {
				t.Fatal(err)
			}
			test.end.User, test.end.Device, test.end.Number = bob, "cim", session.Number+test.end.Number
			if err := s.CloseSessions(t.Context(), []Closing{test.end})[0]; err != nil {
				t.Fatal(err)
			}
			if o := open(t, s, bob, "cim", "n1", 0, -1); o.Err != nil || (o.Received != nil) != test.kept {
				t.Errorf("%s: %+v, %v", name, o.Received, o.Err)
			}
		}
	})
}
