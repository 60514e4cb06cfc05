package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
)

// connect logs a device in and opens its session.
func connect(t testing.TB, s *Store, user int64, device, node string) Opened {
	t.Helper()
	return open(t, s, user, device, node, issue(t, s, user, device).Number, -1)
}

// visit logs a device in, moves its cursors to at, and closes its session.
func visit(t testing.TB, s *Store, user int64, device string, at ...proto.Position) Opened {
	t.Helper()
	o := connect(t, s, user, device, "n1")
	ack(t, s, user, device, o.Number, at...)
	closeSession(t, s, user, device, o.Number)
	return o
}

// fields returns how many fields a user's hash has.
func fields(t testing.TB, s *Store, user int64) int64 {
	t.Helper()
	hash := logref.Ref{User: user}.Hash()
	o := op.Read(hash, []any{"hlen", hash})
	if s.Run(t.Context(), "sessions", o); o.Err != nil {
		t.Fatal(o.Err)
	}
	return op.Integer(o.Reply[0])
}

func TestDevicesThatComeAndGoLeaveABoundedHash(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		at := stored(t, s, private(alice, alice, "1"))[0].Copies[0].Stored.At.Position()
		group := proto.Position{Log: proto.Everyone, Epoch: 5, Number: 3, Key: "1:x"}
		for i := range 300 {
			visit(t, s, alice, fmt.Sprint("came-and-went-", i), at, group)
		}
		for i := range 100 {
			connect(t, s, alice, fmt.Sprint("stays-", i), "n1")
		}
		if n := fields(t, s, alice); n > 150 {
			t.Errorf("the hash has %d fields", n)
		}
		if live, err := s.Sessions(t.Context(), alice); err != nil || len(live) != 32 || live[31].Device != "stays-99" {
			t.Errorf("%d are live: %+v, %v", len(live), live, err)
		}
	})
}

func TestDeviceThatWasOfflineLongestIsForgotten(t *testing.T) {
	each(t, Config{Devices: 3}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		at := stored(t, s, private(alice, alice, "1"))[0].Copies[0].Stored.At.Position()
		phone := connect(t, s, alice, "phone", "n1") // the oldest number, and connected
		ack(t, s, alice, "phone", phone.Number, at)
		tick := func() {
			for now := storeClock(t, s); storeClock(t, s) <= now; {
			}
		}
		long := connect(t, s, alice, "laptop", "n1")
		ack(t, s, alice, "laptop", long.Number, at)
		visit(t, s, alice, "tablet", at)
		tick()
		closeSession(t, s, alice, "laptop", long.Number) // it disconnects after the tablet, although it connected before
		tick()
		o := connect(t, s, alice, "tv", "n1")
		if o.Err != nil || len(o.Ended) != 0 {
			t.Fatalf("opened %+v", o)
		}
		got, err := s.Cursors(t.Context(), alice)
		var names []string
		for name := range got {
			names = append(names, name)
		}
		slices.Sort(names)
		if want := []string{"", "laptop", "phone"}; err != nil || !slices.Equal(names, want) {
			t.Errorf("cursors of %q, want those of %q", names, want)
		}
		if len(got[""]) != 1 || got[""][0].Number != at.Number {
			t.Errorf("of what was forgotten is known %+v", got[""])
		}
		if again := connect(t, s, alice, "tablet", "n1"); again.Err != nil || len(again.Cursors) != 0 {
			t.Errorf("the forgotten one comes back as %+v", again)
		}
	})
}

func TestOldestConnectionEndsWhenAllDevicesAreConnected(t *testing.T) {
	each(t, Config{Devices: 2}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		phone := connect(t, s, alice, "phone", "n1")
		laptop := connect(t, s, alice, "laptop", "n2")
		tv := connect(t, s, alice, "tv", "n3")
		if tv.Err != nil || len(tv.Ended) != 1 || tv.Ended[0].Device != "phone" || tv.Ended[0].Number != phone.Number || tv.Ended[0].Node != "n1" {
			t.Fatalf("opened %+v", tv)
		}
		live, err := s.Sessions(t.Context(), alice)
		if err != nil || len(live) != 2 || live[0].Number != laptop.Number || live[1].Number != tv.Number {
			t.Errorf("live are %+v, %v", live, err)
		}
		if again := connect(t, s, alice, "tv", "n1"); len(again.Ended) != 0 {
			t.Errorf("a device that is known ended %+v", again.Ended)
		}
	})
}

// Reports about a device may arrive after it was forgotten.
func TestLateReportsOfAForgottenDeviceChangeNothing(t *testing.T) {
	each(t, Config{Devices: 1}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		at := stored(t, s, private(alice, alice, "1"))[0].Copies[0].Stored.At.Position()
		unused := issue(t, s, alice, "phone").Number
		phone := connect(t, s, alice, "phone", "n1")
		laptop := connect(t, s, alice, "laptop", "n2")
		before := fields(t, s, alice)
		for _, number := range []int64{unused, phone.Number} {
			if o := open(t, s, alice, "phone", "n1", number, -1); !errors.Is(o.Err, ErrSuperseded) {
				t.Errorf("opened with %d again: %+v", number, o)
			}
			closeSession(t, s, alice, "phone", number)
			ack(t, s, alice, "phone", number, at)
		}
		if after := fields(t, s, alice); after != before {
			t.Errorf("%d fields became %d", before, after)
		}
		held := []Held{{User: alice, Device: "phone", Number: phone.Number}, {User: alice, Device: "laptop", Number: laptop.Number, Newest: at}}
		got, err := s.Reconcile(t.Context(), held, "n1", 7)
		if err != nil || len(got) == 0 || got[0].Verdict != proto.Verdict_DISPLACED || !got[0].Forgotten {
			t.Errorf("differences are %+v, %v", got, err)
		}
		if o := connect(t, s, alice, "phone", "n1"); o.Err != nil || o.Number <= laptop.Number {
			t.Errorf("a new login: %+v", o)
		}
	})
}

// Numbers of devices that never connect are closed. That makes no more fields than the
// bound on devices allows.
func TestClosingNumbersThatWereNeverOpenedLeavesABoundedHash(t *testing.T) {
	each(t, Config{Devices: 2}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		phone := connect(t, s, alice, "phone", "n1")
		var last int64
		for i := range 50 {
			last = issue(t, s, alice, fmt.Sprint("d", i)).Number
			closeSession(t, s, alice, fmt.Sprint("d", i), last)
		}
		if o := open(t, s, alice, "d49", "n1", last, -1); !errors.Is(o.Err, ErrSuperseded) {
			t.Errorf("opened what was closed: %+v", o)
		}
		if n := fields(t, s, alice); n > 20 {
			t.Errorf("the hash has %d fields", n)
		}
		if live, err := s.Sessions(t.Context(), alice); err != nil || len(live) != 1 || live[0].Number != phone.Number {
			t.Errorf("live are %+v, %v", live, err)
		}
	})
}

// earlier writes fields as an earlier version left them: of gone devices, and of
// ghosts, whose nodes died.
func earlier(t testing.TB, s *Store, user int64, gone, ghosts int) {
	t.Helper()
	hash := logref.Ref{User: user}.Hash()
	var live []string
	set := []any{"hset", hash}
	for i := range gone {
		name := fmt.Sprint("web-", i)
		set = append(set, "closed:"+name, 1000+i, "cur:"+name, fmt.Sprintf("1\t%s\t3\t1:x", proto.Epoch(5)))
	}
	for i := range ghosts {
		live = append(live, fmt.Sprintf("dead-%d\t%d\t%s\tgone\tgone:1", i, 10_000+i, rows.BootText(7)))
	}
	set = append(set, "live", strings.Join(live, "\n"), "issued", 20_000)
	o := op.Write(hash, set, []any{"hdel", hash, "devices"})
	if s.Run(t.Context(), "open", o); o.Err != nil {
		t.Fatal(o.Err)
	}
}

func TestInboxOfAnEarlierVersionIsBroughtWithinBounds(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		issue(t, s, alice, "phone") // makes the inbox
		gone, ghosts := 3000, 600
		if strings.HasSuffix(t.Name(), "embedded") { // its Lua cannot handle long lists, and it never has data of an earlier version
			gone, ghosts = 60, 60
		}
		earlier(t, s, alice, gone, ghosts)
		o := connect(t, s, alice, "phone", "n1")
		if o.Err != nil || len(o.Ended) != ghosts-31 {
			t.Fatalf("opened with %v, ended %d", o.Err, len(o.Ended))
		}
		if n := fields(t, s, alice); n > 150 {
			t.Errorf("the hash has %d fields", n)
		}
		if o := open(t, s, alice, "web-59", "n1", 1059, -1); !errors.Is(o.Err, ErrSuperseded) {
			t.Errorf("opened what was closed: %+v", o)
		}
	})
}

// If an inbox of an earlier version has few devices, all of them stay known.
func TestDevicesOfAnEarlierVersionStayKnown(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		issue(t, s, alice, "phone")
		earlier(t, s, alice, 10, 1)
		for range 2 { // before the user's next opening, and after it
			got, err := s.Cursors(t.Context(), alice)
			if err != nil || len(got) != 10 || len(got["web-3"]) != 1 {
				t.Errorf("cursors are %+v, %v", got, err)
			}
			connect(t, s, alice, "phone", "n1")
		}
		if o := open(t, s, alice, "web-3", "n1", 1003, -1); !errors.Is(o.Err, ErrSuperseded) {
			t.Errorf("opened what was closed: %+v", o)
		}
		if o := connect(t, s, alice, "web-3", "n1"); o.Err != nil || len(o.Cursors) != 1 {
			t.Errorf("opened %+v", o)
		}
	})
}
