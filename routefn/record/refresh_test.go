package record

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/pass"
	"github.com/cim-go/cim/routefn/record/storetest"
)

// chain is a device with a refresh token.
type chain struct {
	t     testing.TB
	pass  RefreshPass
	grace time.Duration // in which the store judges its uses
}

// late returns the chain for uses that come after the grace.
func (c *chain) late() *chain {
	later := *c
	later.grace = 0
	return &later
}

// beginChain logs a device in and returns its first refresh token.
func beginChain(t testing.TB, s *Store, user int64, device string) *chain {
	t.Helper()
	issued, err := s.IssueNumber(t.Context(), Issuing{User: user, Device: device, Login: &Login{Refreshes: true}})
	if err != nil {
		t.Fatal(err)
	}
	if ahead := issued.Number - issued.Time; ahead > time.Second.Milliseconds() || -ahead > time.Minute.Milliseconds() {
		t.Fatalf("issued %+v", issued) // the number is above all of before, which many of one millisecond put ahead
	}
	return &chain{t, RefreshPass{User: user, Device: device, Number: issued.Number, Generation: 1, ID: 1, Expires: issued.Time + time.Hour.Milliseconds()}, RefreshGrace}
}

var nextID uint64 = 1 << 60

// use uses the token and returns its successor.
func (c *chain) use(s *Store) (*chain, error) {
	c.t.Helper()
	r, err := s.refresh(c.t.Context(), c.pass, c.grace)
	if err != nil {
		return nil, err
	}
	next := *c
	next.grace = RefreshGrace
	next.pass.Generation = r.Generation
	if r.Used == 0 {
		nextID++
		next.pass.ID = nextID
	}
	if r.Generation != c.pass.Generation+1 {
		c.t.Errorf("generation %d follows %d", r.Generation, c.pass.Generation)
	}
	return &next, nil
}

func (c *chain) mustUse(s *Store) *chain {
	c.t.Helper()
	next, err := c.use(s)
	if err != nil {
		c.t.Fatal(err)
	}
	return next
}

func (c *chain) want(s *Store, name string, want error) {
	c.t.Helper()
	if _, err := c.use(s); !errors.Is(err, want) {
		c.t.Errorf("%s: %v, want %v", name, err, want)
	}
}

func TestRefreshTokenIsReplacedAtEachUse(t *testing.T) {
	eachTwo(t, Config{}, Config{}, func(t *testing.T, s, other *Store) {
		alice := register(t, s, "alice")
		first := beginChain(t, s, alice, "phone")
		second := first.mustUse(s)
		third := second.mustUse(other)
		fourth := third.mustUse(s)
		first.want(other, "the first again", ErrReplayed)
		fourth.mustUse(other)
		second.want(s, "the second again", ErrReplayed)
	})
}

// Two tabs, or two processes, that use a token at once get the same successor, and so on.
func TestRefreshTokenUsedAtOnceHasOneSuccessor(t *testing.T) {
	eachTwo(t, Config{}, Config{}, func(t *testing.T, s, other *Store) {
		alice := register(t, s, "alice")
		shared := beginChain(t, s, alice, "phone")
		for range 5 {
			var next [8]*chain
			var all sync.WaitGroup
			for i := range next {
				all.Go(func() {
					var err error
					if next[i], err = shared.use([]*Store{s, other}[i%2]); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if t.Failed() {
				return
			}
			for _, n := range next {
				if n.pass != next[0].pass {
					t.Fatalf("successors are %+v and %+v", next[0].pass, n.pass)
				}
			}
			shared = next[0]
		}
	})
}

// eachServer runs a test on every kind of store, and on Valkey.
func eachServer(t *testing.T, f func(*testing.T, *Store)) {
	each(t, Config{}, f)
	t.Run("valkey", func(t *testing.T) {
		f(t, dial(t, Config{URL: storetest.Valkey(t).URL()}))
	})
}

// The answer to a use was lost: the same token is shown again, until its successor was
// used. Only one of two successors counts.
func TestRefreshTokenMayComeAgainUntilItsSuccessorWasUsed(t *testing.T) {
	eachServer(t, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		first := beginChain(t, s, alice, "phone")
		lost := first.mustUse(s)
		if again := first.mustUse(s); again.pass != lost.pass {
			t.Errorf("at once it gets %+v and %+v", lost.pass, again.pass)
		}
		second := first.late().mustUse(s)
		if second.pass == lost.pass {
			t.Error("later it gets the same successor")
		}
		third := second.mustUse(s)
		lost.want(s, "the other successor", ErrReplayed)
		first.late().want(s, "the first after that", ErrReplayed)
		again := second.late().mustUse(s) // the answer to the second was lost, too
		again.mustUse(s)
		third.want(s, "the other successor of the second", ErrReplayed)
	})
}

// A network may hold a request up and carry it out after a repetition, and after the use
// of the successor. That ends no session; a thief, who repeats it, is judged later.
func TestRequestThatWasHeldUpEndsNothing(t *testing.T) {
	eachServer(t, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		first := beginChain(t, s, alice, "phone")
		third := first.mustUse(s).mustUse(s)
		first.want(s, "at once", ErrUnavailable)
		first.late().want(s, "later", ErrReplayed)
		fourth := third.mustUse(s)
		first.want(s, "two uses later", ErrReplayed)
		third.mustUse(s)
		fourth.mustUse(s)
	})
}

// A thief who repeats each use is noticed, unless it does so in the same seconds each time:
// it and the device get different successors.
func TestThiefWhoFollowsIsNoticed(t *testing.T) {
	eachServer(t, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		stolen := beginChain(t, s, alice, "phone")
		owner := stolen.mustUse(s)
		thief := stolen.late().mustUse(s)
		owner.mustUse(s)
		thief.want(s, "the thief", ErrReplayed)
	})
}

// The grace ends by the store's clock, also where a failover chose a store whose clock is
// behind.
func TestGraceEndsByTheStoresClock(t *testing.T) {
	s, clock := withClock(t)
	alice := register(t, s, "alice")
	c := beginChain(t, s, alice, "phone")
	for _, offset := range []time.Duration{RefreshGrace + time.Second, 0, -24 * time.Hour} {
		next := c.mustUse(s)
		if err := clock.Set(offset); err != nil {
			t.Fatal(err)
		}
		if again := c.mustUse(s); again.pass == next.pass {
			t.Errorf("at %v it gets the same successor", offset)
		}
		c = next
	}
}

func TestRefreshTokenEndsWithItsSession(t *testing.T) {
	eachTwo(t, Config{}, Config{}, func(t *testing.T, s, other *Store) {
		alice := register(t, s, "alice")
		c := beginChain(t, s, alice, "phone")
		endSessions(t, s, alice, Revoking{}, nil)
		c.want(other, "after the end", ErrVoid)
		old := beginChain(t, s, alice, "phone")
		old.pass.Expires = 1
		old.want(other, "expired by the store's clock", ErrVoid)
		nobody := *old
		nobody.pass.User = 4711
		nobody.want(s, "of nobody", ErrNoUser)
		nobody.pass.Device = "a\tb"
		nobody.want(s, "a device that is none", ErrInvalid)
	})
}

// Programs that share a device's name have a chain each, the latest four.
func TestDeviceHasABoundedNumberOfChains(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		var chains []*chain
		for range 5 {
			chains = append(chains, beginChain(t, s, alice, "script"))
		}
		chains[0].want(s, "one too many", ErrVoid)
		chains[1] = chains[1].mustUse(s)
		beginChain(t, s, alice, "script")
		chains[2].want(s, "the one that was used longest ago", ErrVoid)
		for _, i := range []int{1, 3, 4} {
			chains[i] = chains[i].mustUse(s)
		}
		if _, err := s.IssueNumber(t.Context(), Issuing{User: alice, Device: "script", Login: &Login{}}); err != nil {
			t.Fatal(err)
		}
		for _, i := range []int{1, 3, 4} { // a login by an access token begins none
			chains[i].mustUse(s)
		}
		wantLogins(t, s, alice, "script")
	})
}

// What a failover forgot counts: the last uses, the login, and the whole inbox.
func TestRefreshTokenOutlivesALossOfTheStore(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		c := beginChain(t, s, alice, "phone")
		uses := *c
		uses.pass.Generation = 5
		uses.mustUse(s).mustUse(s).mustUse(s)
		uses.want(s, "used before that", ErrReplayed)
		login := *c
		login.pass.Number += time.Minute.Milliseconds()
		login.mustUse(s).mustUse(s)
		if n := issue(t, s, alice, "desk").Number; n <= login.pass.Number {
			t.Errorf("issued %d again", n)
		}
		flush(t, s)
		if err := s.Adopt(t.Context(), alice, "alice", true); err != nil {
			t.Fatal(err)
		}
		c.mustUse(s).mustUse(s)
	})
}

// A full list takes a few KB.
func TestListOfChainsIsSmall(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		for i := range 60 {
			for range 6 {
				beginChain(t, s, alice, fmt.Sprint("a-device-with-quite-a-long-name-", i)).mustUse(s)
			}
		}
		hash := logref.Ref{User: alice}.Hash()
		o := op.Read(hash, []any{"hget", hash, "logins"})
		if s.Run(t.Context(), "test", o); o.Err != nil || len(op.Text(o.Reply[0])) > 3<<10 {
			t.Errorf("the list has %d bytes, %v", len(op.Text(o.Reply[0])), o.Err)
		}
	})
}

// The refreshes of a user are bounded, on all devices and over all routes together. A
// refused refresh changes nothing. A replaced token is recognised even above the bound.
func TestRefreshesAreBounded(t *testing.T) {
	cfg := Config{Limits: limit.Limits{Refreshes: limit.Rate{Every: time.Hour, Burst: 4}}}
	eachTwo(t, cfg, cfg, func(t *testing.T, one, other *Store) {
		alice, bob := register(t, one, "alice"), register(t, one, "bob")
		first := beginChain(t, one, alice, "phone")
		phone, desk := first, beginChain(t, one, alice, "desk")
		for i := range 2 {
			phone, desk = phone.mustUse([]*Store{one, other}[i%2]), desk.mustUse(other)
		}
		for _, c := range []*chain{phone, desk} {
			_, err := c.use(one)
			if wait := new(pass.Refused); !errors.Is(err, ErrLimited) || !errors.As(err, wait) || wait.Wait() <= 0 {
				t.Errorf("a fifth refresh: %v", err)
			}
		}
		if _, err := first.late().use(one); !errors.Is(err, ErrReplayed) {
			t.Errorf("a token that was replaced: %v", err)
		}
		beginChain(t, one, bob, "phone").mustUse(one)
	})
}
