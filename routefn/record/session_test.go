package record

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/cim-go/cim/proto"
)

// login issues a number and opens it, displacing what the number may.
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
	if err := s.CloseSessions(t.Context(), []Closing{{user, device, number}})[0]; err != nil {
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

// Of many numbers that are asked for at once each has its own outcome.
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
		closeSession(t, s, alice, "phone", old.Number) // does not open what is closed
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
		hash := logRef{user: alice}.hash()
		s.run(t.Context(), "issue", writeTo(hash, []any{"hdel", hash, "issued"}))
		for storeClock(t, s) <= before { // a failover takes longer
			runtime.Gosched()
		}
		if after := issue(t, s, alice, "phone").Number; after <= before {
			t.Errorf("%d came after %d", after, before)
		}
	})
}

// A store came back older, and a node closes a session that it does not know, whose
// number is from a clock that was ahead: the next connection is the newer one.
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

// A device logs in with the token of a number that the store forgot, and that is ahead of
// its clock: it is given a higher one, so that what is left of the earlier connection does
// not count as the newer one.
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
	o := readOf("cim:clock", []any{"time"})
	s.run(t.Context(), "reconcile", o)
	if o.err != nil {
		t.Fatal(o.err)
	}
	return clockMs(o.reply[0])
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
			{at[2], session.Number - 1, at[2], otherGroupEpoch}, // not closed: a failover lost the record
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
			{bob, "phone", old.Number, []proto.Position{{Number: 2, Key: "1:a\tb"}}},
			{bob, "phone", old.Number, []proto.Position{{Log: -1}}},
			{bob, "pho\nne", old.Number, nil},
		})
		if !errors.Is(errs[0], ErrInvalid) || !errors.Is(errs[1], ErrInvalid) || !errors.Is(errs[2], ErrInvalid) {
			t.Errorf("errors are %v", errs)
		}
	})
}

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

// Each batch of connections is asked for with the ops of the one before.
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

// inTheHash returns what brings the hash of a user's inbox back as it is now.
func inTheHash(t *testing.T, s *Store, user int64) (restore func()) {
	t.Helper()
	hash := logRef{user: user}.hash()
	now := readOf(hash, []any{"hgetall", hash})
	s.run(t.Context(), "open", now)
	if now.err != nil {
		t.Fatal(now.err)
	}
	fields, _ := now.reply[0].([]any)
	return func() {
		t.Helper()
		back := writeTo(hash, []any{"del", hash}, append([]any{"hset", hash}, fields...))
		s.run(t.Context(), "open", back)
		if back.err != nil {
			t.Fatal(back.err)
		}
	}
}

// A failover takes the record back to a connection that was displaced twice over. The
// one that is live names the one between, and is live again by repeating itself.
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

// One that was let in after the failover did not displace the one that the record
// forgot: reconciliation tells that from a displacement.
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
