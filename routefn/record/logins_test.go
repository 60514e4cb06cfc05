package record

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// loginFrom issues a number for a login from a network.
func loginFrom(t testing.TB, s *Store, user int64, device, network string) int64 {
	t.Helper()
	issued, err := s.IssueNumber(t.Context(), Issuing{User: user, Device: device, Login: &Login{Network: network}})
	if err != nil {
		t.Fatal(err)
	}
	return issued.Number
}

func logins(t testing.TB, s *Store, user int64) []DeviceSession {
	t.Helper()
	list, err := s.Logins(t.Context(), user, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func wantLogins(t testing.TB, s *Store, user int64, want ...string) {
	t.Helper()
	var got []string
	for _, l := range logins(t, s, user) {
		got = append(got, l.Device)
	}
	if !slices.Equal(got, want) {
		t.Errorf("logged in are %q, want %q", got, want)
	}
}

func endSessions(t testing.TB, s *Store, user int64, q Revoking, by *Pass) []Session {
	t.Helper()
	live, err := s.EndSessions(t.Context(), user, q, by)
	if err != nil {
		t.Fatal(err)
	}
	return live
}

func TestLoginsAreListed(t *testing.T) {
	eachTwo(t, Config{}, Config{}, func(t *testing.T, s, other *Store) {
		alice := register(t, s, "alice")
		phone := loginFrom(t, s, alice, "phone", "192.0.2.0/24")
		connectedAt(t, s, alice, "phone", phone)
		tablet := loginFrom(t, s, alice, "tablet", "198.51.100.0/24")
		connectedAt(t, s, alice, "tablet", tablet)
		connected(t, s, alice, Session{Device: "tablet", Number: tablet}) // so that the device has a field of its own
		closeSession(t, s, alice, "tablet", tablet)
		script := loginFrom(t, s, alice, "script", "")
		moved := issue(t, s, alice, "phone").Number // a number for a connection that moves to another node
		connectedAt(t, s, alice, "phone", moved)
		list := logins(t, other, alice)
		if len(list) != 3 {
			t.Fatalf("logins are %+v", list)
		}
		if want := (DeviceSession{Device: "phone", Connected: true, Since: moved, Number: phone, Network: "192.0.2.0/24"}); list[0] != want {
			t.Errorf("connected: %+v, want %+v", list[0], want)
		}
		if want := (DeviceSession{Device: "script", Number: script}); list[1] != want {
			t.Errorf("never connected: %+v, want %+v", list[1], want)
		}
		// If two sessions begin in one millisecond, the second one has the number of
		// the next millisecond.
		if l := list[2]; l.Device != "tablet" || l.Connected || l.Since < tablet-1 || l.Number != tablet || l.Network != "198.51.100.0/24" {
			t.Errorf("disconnected: %+v", l)
		}
		logout(t, s, alice, "tablet", nil)
		wantLogins(t, other, alice, "phone", "script")
	})
}

func connectedAt(t testing.TB, s *Store, user int64, device string, number int64) {
	t.Helper()
	if o := open(t, s, user, device, "n1", number, -1); o.Err != nil {
		t.Fatal(o.Err)
	}
}

// A device that was connected before routes listed logins is listed, too.
func TestSessionsOfAnEarlierVersionAreListed(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		phone := login(t, s, alice, "phone", "n1", -1)
		desk := login(t, s, alice, "desk", "n1", -1)
		closeSession(t, s, alice, "desk", desk.Number)
		list := logins(t, s, alice)
		if len(list) != 2 || list[0].Number != phone.Number || !list[0].Connected || list[1].Number != desk.Number || list[1].Connected {
			t.Errorf("logins are %+v", list)
		}
	})
}

func TestLoginIsListedAsLongAsItCounts(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		loginFrom(t, s, alice, "script", "")
		list, err := s.Logins(t.Context(), alice, 0)
		if err != nil || len(list) != 0 {
			t.Errorf("after its life: %+v, %v", list, err)
		}
		connectedAt(t, s, alice, "phone", loginFrom(t, s, alice, "phone", ""))
		if list, err = s.Logins(t.Context(), alice, 0); err != nil || len(list) != 1 {
			t.Errorf("connected: %+v, %v", list, err)
		}
		if _, err = s.Logins(t.Context(), 4711, time.Hour); !errors.Is(err, ErrNoUser) {
			t.Errorf("of nobody: %v", err)
		}
	})
}

func TestListOfLoginsIsBounded(t *testing.T) {
	each(t, Config{Devices: 4}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		for i := range 20 {
			device := fmt.Sprint("connects-", i)
			connectedAt(t, s, alice, device, loginFrom(t, s, alice, device, "192.0.2.0/24"))
			loginFrom(t, s, alice, fmt.Sprint("never-", i), "192.0.2.0/24")
		}
		list := logins(t, s, alice)
		if len(list) != 12 || list[0].Device != "connects-19" || list[4].Device != "never-19" {
			t.Errorf("%d logins: %+v", len(list), list)
		}
	})
}

// After one session was ended, its tokens and tickets are void on every route, and no
// others are.
func TestEndedSessionIsVoid(t *testing.T) {
	eachTwo(t, Config{}, Config{}, func(t *testing.T, s, other *Store) {
		alice := register(t, s, "alice")
		phone := login(t, s, alice, "phone", "n1", -1)
		connected(t, s, alice, phone)
		desk := login(t, s, alice, "desk", "n1", -1)
		unused := loginFrom(t, s, alice, "phone", "")
		by := passFor(alice, "desk", desk.Number)
		if live := endSessions(t, s, alice, Revoking{Device: "phone"}, &by); len(live) != 1 || live[0] != phone {
			t.Errorf("ended %+v", live)
		}
		for _, number := range []int64{phone.Number, unused} {
			if err := judged(t, other, passFor(alice, "phone", number)); !errors.Is(err, ErrVoid) {
				t.Errorf("token of %d: %v", number, err)
			}
		}
		if o := open(t, other, alice, "phone", "n1", unused, -1); !errors.Is(o.Err, ErrSuperseded) {
			t.Errorf("an unused ticket: %v", o.Err)
		}
		if err := judged(t, other, by); err != nil {
			t.Errorf("who asked: %v", err)
		}
		list, err := other.Reconcile(t.Context(), []Held{{User: alice, Device: "phone", Number: phone.Number}}, "n1", 7)
		if err != nil || len(list) != 1 || list[0].Verdict != proto.Verdict_DISPLACED || !list[0].Ended {
			t.Errorf("its node is told %+v, %v", list, err)
		}
		wantSessions(t, other, alice, desk)
		wantLogins(t, other, alice, "desk")
		endSessions(t, s, alice, Revoking{Device: "phone"}, &by) // repeating it changes nothing
		endSessions(t, s, alice, Revoking{Device: "nosuch"}, &by)
		connectedAt(t, s, alice, "phone", loginFrom(t, s, alice, "phone", ""))
		wantLogins(t, other, alice, "phone", "desk")
	})
}

func TestOtherSessionsEnd(t *testing.T) {
	for _, never := range []bool{false, true} { // never: the caller's device never connected
		eachTwo(t, Config{}, Config{}, func(t *testing.T, s, other *Store) {
			alice := register(t, s, "alice")
			phone := login(t, s, alice, "phone", "n1", -1)
			connected(t, s, alice, phone)
			tablet := login(t, s, alice, "tablet", "n1", -1)
			closeSession(t, s, alice, "tablet", tablet.Number)
			script := loginFrom(t, s, alice, "script", "")
			own := loginFrom(t, s, alice, "own", "")
			if !never {
				connectedAt(t, s, alice, "own", own)
			}
			by := passFor(alice, "own", own)
			if live := endSessions(t, s, alice, Revoking{Spared: "own"}, &by); len(live) != 1 || live[0] != phone {
				t.Errorf("ended %+v", live)
			}
			for device, number := range map[string]int64{"phone": phone.Number, "tablet": tablet.Number, "script": script, "unlisted": own} {
				if err := judged(t, other, passFor(alice, device, number)); !errors.Is(err, ErrVoid) {
					t.Errorf("%s: %v", device, err)
				}
			}
			if err := judged(t, other, by); err != nil {
				t.Errorf("who asked: %v", err)
			}
			old := Pass{User: alice, Device: "own", Expires: 1 << 60} // an earlier version made this token, without a number
			if err := judged(t, other, old); err != nil {
				t.Errorf("an old token of who asked: %v", err)
			}
			wantLogins(t, other, alice, "own")
			next := loginFrom(t, s, alice, "script", "")
			if err := judged(t, other, passFor(alice, "script", next)); err != nil {
				t.Errorf("the next login: %v", err)
			}
		})
	}
}

func TestAllSessionsEnd(t *testing.T) {
	eachTwo(t, Config{}, Config{}, func(t *testing.T, s, other *Store) {
		alice := register(t, s, "alice")
		phone := login(t, s, alice, "phone", "n1", -1)
		desk := login(t, s, alice, "desk", "n1", -1)
		by := passFor(alice, "desk", desk.Number)
		if live := endSessions(t, s, alice, Revoking{}, &by); len(live) != 2 {
			t.Errorf("ended %+v", live)
		}
		for _, p := range []Pass{by, passFor(alice, "phone", phone.Number)} {
			if err := judged(t, other, p); !errors.Is(err, ErrVoid) {
				t.Errorf("%s: %v", p.Device, err)
			}
		}
		endSessions(t, s, alice, Revoking{}, &by) // the answer was lost
		if _, err := s.EndSessions(t.Context(), alice, Revoking{Device: "phone"}, &by); !errors.Is(err, ErrVoid) {
			t.Errorf("a void token ends a session: %v", err)
		}
		wantSessions(t, other, alice)
		wantLogins(t, other, alice)
	})
}

// Devices that an earlier version did not list end with all others.
func TestOtherSessionsOfAnEarlierVersionEnd(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		at := stored(t, s, private(alice, alice, "1"))[0].Copies[0].Stored.At.Position()
		old := visit(t, s, alice, "old", at)
		own := login(t, s, alice, "own", "n1", -1)
		hash := logref.Ref{User: alice}.Hash()
		o := op.Write(hash, []any{"hdel", hash, "devices"})
		if s.Run(t.Context(), "test", o); o.Err != nil {
			t.Fatal(o.Err)
		}
		by := passFor(alice, "own", own.Number)
		endSessions(t, s, alice, Revoking{Spared: "own"}, &by)
		if err := judged(t, s, passFor(alice, "old", old.Number)); !errors.Is(err, ErrVoid) {
			t.Errorf("a device that is not listed: %v", err)
		}
	})
}

// A client that sends more and more new names of devices makes a bounded number of
// fields.
func TestEndingSessionsLeavesABoundedHash(t *testing.T) {
	each(t, Config{Devices: 4}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		for i := range 60 {
			device := fmt.Sprint("d", i)
			by := passFor(alice, device, loginFrom(t, s, alice, device, ""))
			endSessions(t, s, alice, Revoking{Spared: device}, &by)
		}
		if n := fields(t, s, alice); n > 40 {
			t.Errorf("the hash has %d fields", n)
		}
	})
}
