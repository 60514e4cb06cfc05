package record

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/storetest"
)

// passFor returns the pass of the token that a login with this number got.
func passFor(user int64, device string, number int64) Pass {
	return Pass{User: user, Device: device, Number: number, Expires: number + time.Hour.Milliseconds()}
}

// judged returns the store's verdict on a pass.
func judged(t testing.TB, s *Store, p Pass) error {
	t.Helper()
	return s.Judge(WithPass(t.Context(), p))
}

func logout(t testing.TB, s *Store, user int64, device string, by *Pass) {
	t.Helper()
	if _, err := s.Logout(t.Context(), user, device, by); err != nil {
		t.Fatal(err)
	}
}

// After a logout, the tokens that the device got before are void, whether it is
// connected or not. Tokens that it gets later are valid, and those of other devices
// always are.
func TestLogoutVoidsWhatTheDeviceWasGiven(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		phone := login(t, s, alice, "phone", "n1", -1)
		connected(t, s, alice, phone)
		desk := issue(t, s, alice, "desk").Number
		unused := issue(t, s, alice, "phone").Number
		before, old := passFor(alice, "phone", phone.Number), Pass{User: alice, Device: "phone", Expires: 1 << 60}
		for _, p := range []Pass{before, old} {
			if err := judged(t, s, p); err != nil {
				t.Errorf("before the logout: %v", err)
			}
		}
		live, err := s.Logout(t.Context(), alice, "phone", &before)
		if err != nil || live == nil || *live != phone {
			t.Errorf("logged out %+v, %v", live, err)
		}
		wantSessions(t, s, alice)
		for _, p := range []Pass{before, old, passFor(alice, "phone", unused)} {
			if err := judged(t, s, p); !errors.Is(err, ErrVoid) {
				t.Errorf("number %d after the logout: %v", p.Number, err)
			}
			if _, err := s.IssueNumber(t.Context(), Issuing{User: alice, Device: "phone", Pass: &p}); !errors.Is(err, ErrVoid) {
				t.Errorf("a login with number %d: %v", p.Number, err)
			}
		}
		if o := open(t, s, alice, "phone", "n1", unused, -1); !errors.Is(o.Err, ErrSuperseded) {
			t.Errorf("an unused ticket: %+v", o)
		}
		shown := WithPass(t.Context(), before)
		if _, err := s.Pull(shown, alice, proto.Position{}, 0); !errors.Is(err, ErrVoid) {
			t.Errorf("pull: %v", err)
		}
		if a := s.Append(WithPass(t.Context(), before), []Message{private(alice, bob, "m1")})[0]; !errors.Is(a.Err, ErrVoid) {
			t.Errorf("append: %v", a.Err)
		}
		if p, err := s.Pull(t.Context(), bob, proto.Position{}, 0); err != nil || len(p.Entries) != 0 {
			t.Errorf("bob was sent %d messages, %v", len(p.Entries), err)
		}
		logout(t, s, alice, "phone", &before) // the device logs itself out once more
		if _, err := s.Logout(t.Context(), alice, "desk", &before); !errors.Is(err, ErrVoid) {
			t.Errorf("a void token logs another device out: %v", err)
		}
		again := issue(t, s, alice, "phone").Number
		for _, p := range []Pass{passFor(alice, "desk", desk), passFor(alice, "phone", again), passFor(bob, "phone", 1)} {
			if p.User == bob {
				p.Expires = 1 << 60
			}
			if err := judged(t, s, p); err != nil {
				t.Errorf("%s of %d: %v", p.Device, p.User, err)
			}
		}
	})
}

// The store came back empty, and its clock is behind the numbers that it had issued.
func TestLogoutVoidsATokenThatIsAheadOfTheClock(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		ahead := passFor(alice, "phone", storeClock(t, s)+time.Hour.Milliseconds())
		logout(t, s, alice, "phone", &ahead)
		if err := judged(t, s, ahead); !errors.Is(err, ErrVoid) {
			t.Errorf("after the logout: %v", err)
		}
		if next := issue(t, s, alice, "phone"); judged(t, s, passFor(alice, "phone", next.Number)) != nil {
			t.Errorf("the next login's number is %d, and void", next.Number)
		}
	})
}

// Devices that never connected share one field, so any number of names can be logged
// out. Tokens that became void by that stay void when the device connects later.
func TestLogoutOfDevicesThatNeverConnectedIsBounded(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		var passes []Pass
		for i := range 40 {
			device := fmt.Sprint("device-", i)
			p := passFor(alice, device, issue(t, s, alice, device).Number)
			logout(t, s, alice, device, &p)
			passes = append(passes, p)
		}
		hash := logref.Ref{User: alice}.Hash()
		o := op.Read(hash, []any{"hlen", hash})
		if s.Run(t.Context(), "cursors", o); op.Integer(o.Reply[0]) > 10 {
			t.Errorf("the hash has %v fields", o.Reply[0])
		}
		back := login(t, s, alice, "device-0", "n1", -1)
		connected(t, s, alice, back)
		for _, p := range passes {
			if err := judged(t, s, p); !errors.Is(err, ErrVoid) {
				t.Errorf("%s: %v", p.Device, err)
			}
		}
		if err := judged(t, s, passFor(alice, "device-0", back.Number)); err != nil {
			t.Errorf("the token of the next login: %v", err)
		}
	})
}

// connected gives a device a cursor, as each device has that was ever connected.
func connected(t testing.TB, s *Store, user int64, live Session) {
	t.Helper()
	err := s.Ack(t.Context(), []Acking{{User: user, Device: live.Device, Number: live.Number, Cursors: []proto.Position{
		{Log: proto.Everyone, Epoch: 1, Number: 1},
	}}})[0]
	if err != nil {
		t.Fatal(err)
	}
}

// Whether a number may still be opened depends on the store's clock. It may within its
// time. After that it may if it is live already, or if its connection was open before.
func TestNumbersExpireByTheStoresClock(t *testing.T) {
	each(t, Config{Now: func() time.Time { return time.Now().Add(15 * 24 * time.Hour) }}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		try := func(number int64, within time.Duration) error {
			return s.OpenSessions(t.Context(), []Opening{{
				User: alice, Number: number, Displaces: -1, Within: within,
				Session: Session{Device: "phone", Node: "n1", Boot: 7, Addr: "n1:8081"},
			}})[0].Err
		}
		now := storeClock(t, s)
		if err := try(now-time.Minute.Milliseconds(), 30*time.Second); !errors.Is(err, ErrExpired) {
			t.Errorf("issued a minute ago, for half a minute: %v", err)
		}
		wantSessions(t, s, alice)
		for _, c := range []struct {
			name   string
			number int64
			within time.Duration
		}{
			{"in time", now - 1000, time.Minute},
			{"live already", now - 1000, time.Millisecond},
			{"open before", now - 999, 0},
			{"of a clock that was ahead", now + time.Hour.Milliseconds(), time.Minute},
		} {
			if err := try(c.number, c.within); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	})
}

func TestTokensExpireByTheStoresClock(t *testing.T) {
	each(t, Config{Now: func() time.Time { return time.Now().Add(-15 * 24 * time.Hour) }}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		now := storeClock(t, s)
		if err := judged(t, s, Pass{User: alice, Device: "phone", Expires: now + time.Minute.Milliseconds()}); err != nil {
			t.Errorf("a minute before its end: %v", err)
		}
		if err := judged(t, s, Pass{User: alice, Device: "phone", Expires: now}); !errors.Is(err, ErrVoid) {
			t.Errorf("at its end: %v", err)
		}
	})
}

// A pass is judged in the same pipeline as operations that only read, and before
// operations that write.
func TestPassRidesWithWhatOnlyReads(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := dial(t, Config{URL: storetest.Server.URL(), AllowEmbedded: true, Registerer: registry})
	flush(t, s)
	alice := register(t, s, "alice")
	number := issue(t, s, alice, "phone").Number
	calls := func() (n uint64) {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if f.GetName() == "cim_store_seconds" && m.GetLabel()[0].GetValue() == "token" {
					n += m.GetHistogram().GetSampleCount()
				}
			}
		}
		return n
	}
	ctx := WithPass(t.Context(), passFor(alice, "phone", number))
	if _, err := s.Pull(ctx, alice, proto.Position{}, 0); err != nil || calls() != 0 {
		t.Errorf("a pull: %v, %d calls of its own", err, calls())
	}
	if a := s.Append(ctx, []Message{private(alice, alice, "1")})[0]; a.Err != nil || calls() != 0 {
		t.Errorf("what follows in the request: %v, %d calls of its own", a.Err, calls())
	}
	ctx = WithPass(t.Context(), passFor(alice, "phone", number))
	if a := s.Append(ctx, []Message{private(alice, alice, "2")})[0]; a.Err != nil || calls() != 1 {
		t.Errorf("a write: %v, %d calls of its own", a.Err, calls())
	}
}
