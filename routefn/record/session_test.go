package record

import (
	"errors"
	"runtime"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// login issues a number and opens it. The opening may displace sessions up to the
// number displaces.
func login(t testing.TB, s *Store, user int64, device, node string, displaces int64) Session {
	t.Helper()
	n := issue(t, s, user, device).Number
	o := open(t, s, user, device, node, n, displaces)
	if o.Err != nil || o.Number != n {
		t.Fatalf("open %d: %+v", n, o)
	}
	return Session{Device: device, Number: n, Node: node, Boot: 7, Addr: node + ":8081"}
}

func issue(t testing.TB, s *Store, user int64, device string) Issued {
	t.Helper()
	issued, err := s.IssueNumber(t.Context(), Issuing{User: user, Device: device})
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func open(t testing.TB, s *Store, user int64, device, node string, number, displaces int64) Opened {
	t.Helper()
	return s.OpenSessions(t.Context(), []Opening{{
		User: user, Number: number, Displaces: displaces,
		Session: Session{Device: device, Node: node, Boot: 7, Addr: node + ":8081"},
	}})[0]
}

func closeSession(t testing.TB, s *Store, user int64, device string, number int64) {
	t.Helper()
	if err := s.CloseSessions(t.Context(), []Closing{{User: user, Device: device, Number: number}})[0]; err != nil {
		t.Fatal(err)
	}
}

func wantSessions(t testing.TB, s *Store, user int64, want ...Session) {
	t.Helper()
	got, err := s.Sessions(t.Context(), user)
	if err != nil || len(got) != len(want) {
		t.Fatalf("sessions are %+v, %v, want %+v", got, err, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("sessions are %+v, want %+v", got, want)
		}
	}
}

// If many numbers are requested at once, each has its own result.
func TestNumbersAreIssuedInOneGo(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		live := login(t, s, alice, "phone", "n1", -1)
		list := []Issuing{
			{User: alice, Device: "phone"}, {User: 4711, Device: "phone"}, {User: bob, Device: "de\tsk"},
			{User: alice, Device: "desk"}, {User: bob, Device: "desk"},
		}
		issued, errs := s.IssueNumbers(t.Context(), list)
		if errs[0] != nil || issued[0].Live == nil || *issued[0].Live != live || issued[0].Number <= live.Number {
			t.Errorf("connected: %+v, %v", issued[0], errs[0])
		}
		if !errors.Is(errs[1], ErrNoUser) || !errors.Is(errs[2], ErrInvalid) {
			t.Errorf("nobody: %v; a device that is none: %v", errs[1], errs[2])
		}
		if errs[3] != nil || issued[3].Live != nil || issued[3].Number <= issued[0].Number || issued[3].LastNode != "n1" {
			t.Errorf("another device: %+v, %v", issued[3], errs[3])
		}
		if errs[4] != nil || issued[4].Number == 0 {
			t.Errorf("another user: %+v, %v", issued[4], errs[4])
		}
	})
}

func TestLateCloseKeepsNewSession(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		old := login(t, s, alice, "phone", "n1", 0)
		fresh := login(t, s, alice, "phone", "n2", old.Number)
		for range 2 { // and repeated
			closeSession(t, s, alice, "phone", old.Number)
			wantSessions(t, s, alice, fresh)
		}
		closeSession(t, s, alice, "phone", fresh.Number)
		wantSessions(t, s, alice)
		closeSession(t, s, alice, "phone", old.Number) // a late closing does not make the number usable again
		if o := open(t, s, alice, "phone", "n2", fresh.Number, -1); !errors.Is(o.Err, ErrSuperseded) {
			t.Errorf("closed number opens: %+v", o)
		}
	})
}

func TestCloseOfStrangersChangesNothing(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		closeSession(t, s, 4711, "phone", 5)
		if _, err := s.IssueNumber(t.Context(), Issuing{User: 4711, Device: "phone"}); !errors.Is(err, ErrNoUser) {
			t.Errorf("number for nobody: %v", err)
		}
		if o := open(t, s, 4711, "phone", "n1", 5, 0); !errors.Is(o.Err, ErrNoUser) {
			t.Errorf("session of nobody: %v", o.Err)
		}
	})
}

func TestRepeatedOpenIsTheSameSession(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		first := login(t, s, alice, "phone", "n1", 0)
		if o := open(t, s, alice, "phone", "n1", first.Number, 0); o.Err != nil || o.Displaced != nil {
			t.Errorf("repeated: %+v", o)
		}
		restarted := s.OpenSessions(t.Context(), []Opening{{User: alice, Number: first.Number,
			Session: Session{Device: "phone", Node: "n1", Boot: 8, Addr: "n1:8081"}}})[0]
		if restarted.Err != nil {
			t.Errorf("same ticket after a restart: %v", restarted.Err)
		}
		first.Boot = 8
		wantSessions(t, s, alice, first)
		if o := open(t, s, alice, "phone", "n2", first.Number, -1); !errors.Is(o.Err, ErrSuperseded) {
			t.Errorf("a ticket opened at two nodes: %+v", o)
		}
		wantSessions(t, s, alice, first)
	})
}

func TestLowerNumberIsSuperseded(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		slow := issue(t, s, alice, "phone").Number
		fast := login(t, s, alice, "phone", "n2", 0)
		o := open(t, s, alice, "phone", "n1", slow, -1)
		if !errors.Is(o.Err, ErrSuperseded) || o.Displaced == nil || *o.Displaced != fast {
			t.Errorf("slow login: %+v", o)
		}
		wantSessions(t, s, alice, fast)
	})
}

func TestTicketDisplacesOnlyWhatItNames(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		first := login(t, s, alice, "phone", "n1", 0)
		issued := issue(t, s, alice, "phone")
		if issued.Live == nil || *issued.Live != first || issued.LastNode != "n1" {
			t.Fatalf("issued %+v", issued)
		}
		between := login(t, s, alice, "phone", "n2", first.Number)
		third := issue(t, s, alice, "phone").Number
		for _, displaces := range []int64{0, first.Number} {
			if o := open(t, s, alice, "phone", "n3", third, displaces); !errors.Is(o.Err, ErrDisplacesOther) || *o.Displaced != between {
				t.Errorf("displaces %d: %+v", displaces, o)
			}
		}
		wantSessions(t, s, alice, between)
		if o := open(t, s, alice, "phone", "n3", third, -1); o.Err != nil || *o.Displaced != between {
			t.Errorf("displaces any: %+v", o)
		}
	})
}

func TestDevicesDoNotTouchEachOther(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		phone := login(t, s, alice, "phone", "n1", 0)
		laptop := login(t, s, alice, "phone 2", "n1", 0)
		if phone.Number >= laptop.Number {
			t.Errorf("numbers %d and %d are not one sequence", phone.Number, laptop.Number)
		}
		closeSession(t, s, alice, "phone", laptop.Number)
		wantSessions(t, s, alice, phone, laptop)
		closeSession(t, s, alice, "phone 2", laptop.Number)
		wantSessions(t, s, alice, phone)
	})
}

func TestNumberIsNotGivenTwiceAfterAFailover(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		before := issue(t, s, alice, "phone").Number
		hash := logref.Ref{User: alice}.Hash()
		s.Run(t.Context(), "issue", op.Write(hash, []any{"hdel", hash, "issued"}))
		for storeClock(t, s) <= before { // until the clock has moved on, because a failover takes longer than that
			runtime.Gosched()
		}
		if after := issue(t, s, alice, "phone").Number; after <= before {
			t.Errorf("%d came after %d", after, before)
		}
	})
}

// A store came back older. A node closes a session that the store does not know, and
// whose number is from a clock that was ahead. The next connection still counts as the
// newer one.
func TestNextNumberIsAboveOneThatWasClosed(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		login(t, s, alice, "phone", "n1", 0)
		ahead := issue(t, s, alice, "phone").Number + 3_600_000
		closeSession(t, s, alice, "phone", ahead)
		if next := login(t, s, alice, "phone", "n2", -1); next.Number <= ahead {
			t.Errorf("%d came after %d", next.Number, ahead)
		}
	})
}

// A device logs in with the token of a number that the store forgot and that is ahead
// of the store's clock. It gets a higher number, so that the rest of the earlier
// connection does not count as the newer one.
func TestNextNumberIsAboveThatOfTheToken(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		ahead := storeClock(t, s) + 3_600_000
		pass := &Pass{User: alice, Device: "phone", Number: ahead, Expires: ahead}
		next, err := s.IssueNumber(t.Context(), Issuing{User: alice, Device: "phone", Pass: pass})
		if err != nil || next.Number <= ahead {
			t.Errorf("%d came after %d, %v", next.Number, ahead, err)
		}
	})
}

// storeClock returns the store's clock in ms.
func storeClock(t testing.TB, s *Store) int64 {
	t.Helper()
	o := op.Read("cim:clock", []any{"time"})
	s.Run(t.Context(), "reconcile", o)
	if o.Err != nil {
		t.Fatal(o.Err)
	}
	return op.ClockMs(o.Reply[0])
}

func TestConnectionWithoutTicketTakesANumber(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		first := open(t, s, alice, proto.CIMDevice, "n1", 0, 0)
		if first.Err != nil || first.Number == 0 {
			t.Fatalf("opened %+v", first)
		}
		if o := open(t, s, alice, proto.CIMDevice, "n2", 0, 0); !errors.Is(o.Err, ErrDisplacesOther) {
			t.Errorf("second: %+v", o)
		}
		if o := open(t, s, alice, proto.CIMDevice, "n2", 0, first.Number); o.Err != nil || o.Number <= first.Number {
			t.Errorf("displacing: %+v", o)
		}
		if next := issue(t, s, alice, "phone").Number; next <= first.Number {
			t.Errorf("%d was issued after %d", next, first.Number)
		}
	})
}
