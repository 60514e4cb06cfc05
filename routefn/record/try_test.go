package record

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/op"
)

// guess returns a try at the account of a name, from an address.
func guess(name, from string) accounts.Trying {
	return accounts.Trying{
		Name: name, From: accounts.Address{from}, Strangers: limit.Rate{Burst: 10, Every: time.Hour},
		Known: limit.Rate{Burst: 3, Every: time.Hour}, Address: limit.Rate{Burst: 20, Every: time.Hour},
	}
}

func try(t testing.TB, s *Store, q accounts.Trying) *accounts.Tried {
	t.Helper()
	tried, err := s.Try(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return tried
}

// Many strange addresses, at two routes, have ten tries at an account together. They
// have as many at an account that does not exist.
func TestStrangersShareTriesExactly(t *testing.T) {
	patient := Config{ReadTimeout: time.Minute} // many scripts at once on a slow machine
	eachTwo(t, patient, patient, func(t *testing.T, one, other *Store) {
		alice := register(t, one, "alice")
		for name, user := range map[string]int64{"alice": 0, "nobody": 0, "": 4711} {
			var allowed atomic.Int64
			var all sync.WaitGroup
			for i := range 40 {
				all.Go(func() {
					q := guess(name, fmt.Sprint(name, i))
					q.User = user
					tried, err := []*Store{one, other}[i%2].Try(t.Context(), q)
					switch {
					case err != nil:
						t.Error(err)
					case tried.Refused == "":
						allowed.Add(1)
					case tried.Refused != accounts.RefusedAccount || tried.Wait <= 0 || tried.Wait > time.Hour:
						t.Errorf("refused by %s for %v", tried.Refused, tried.Wait)
					}
				})
			}
			all.Wait()
			if n := allowed.Load(); n != 10 {
				t.Errorf("%q, %d: %d tries were allowed, want 10", name, user, n)
			}
		}
		q := guess("", "by id")
		q.User = alice
		if tried := try(t, one, q); tried.Refused != accounts.RefusedAccount {
			t.Errorf("the id of an account has tries of its own: %+v", tried)
		}
	})
}

// Try returns an account with its credential, if the id and the name are the account's.
func TestTryFindsTheAccount(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		bob := register(t, s, "bob")
		for _, c := range []struct {
			user int64
			name string
			want int64
		}{{0, "alice", alice}, {alice, "", alice}, {alice, "alice", alice}, {bob, "alice", 0}, {4711, "", 0}, {0, "carol", 0}, {-1, "", 0}} {
			q := guess(c.name, "a")
			q.User = c.user
			if tried := try(t, s, q); tried.Account.User != c.want {
				t.Errorf("%d %q: %+v, want %d", c.user, c.name, tried.Account, c.want)
			}
		}
	})
}

// A known address has tries of its own, whatever strangers do. It is also recognised by
// a digest that was made with an older key.
func TestKnownAddressHasTriesOfItsOwn(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		register(t, s, "alice")
		right := try(t, s, guess("alice", "home"))
		if right.Known {
			t.Fatal("an address is known before the first login")
		}
		s.Settle(t.Context(), right, true)
		s.Settle(t.Context(), right, true) // does nothing
		for i := range 11 {
			tried := try(t, s, guess("alice", fmt.Sprint("stranger", i)))
			if want := i >= 10; (tried.Refused == accounts.RefusedAccount) != want {
				t.Fatalf("stranger %d: refused %q", i, tried.Refused)
			}
		}
		q := guess("alice", "new digest")
		q.From = append(q.From, "home")
		for i := range 4 {
			tried := try(t, s, q)
			if want := i < 3; tried.Known != want || (tried.Refused == "") != want {
				t.Fatalf("known, wrong password %d: %+v", i, tried)
			}
			if i == 0 {
				s.Settle(t.Context(), tried, true) // as if the password was right
				tried = try(t, s, guess("alice", "new digest"))
				if !tried.Known {
					t.Fatal("the digest by the newer key was not stored")
				}
			}
		}
	})
}

// An account knows the eight addresses of the latest logins, until they are old.
func TestAccountKnowsFewAddresses(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		for i := range 12 {
			s.Met(t.Context(), "alice", accounts.Address{fmt.Sprint("a", i)})
			s.Settle(t.Context(), try(t, s, guess("alice", "home")), true)
		}
		for i, from := range []string{"a4", "a5", "a11", "home"} {
			tried := try(t, s, guess("alice", from))
			if tried.Known != (i > 0) {
				t.Errorf("%s: known is %v", from, tried.Known)
			}
			s.Settle(t.Context(), tried, false)
		}
		key := tryKey("alice")
		read := op.Read(key, []any{"hget", key, "from"}, []any{"pttl", key})
		if s.Run(t.Context(), "try", read); read.Err != nil {
			t.Fatal(read.Err)
		}
		if n := len(op.Text(read.Reply[0])); n > 8*(24+1+13+1+13+1) {
			t.Errorf("eight addresses take %d bytes", n)
		}
		if left := time.Duration(op.Integer(read.Reply[1])) * time.Millisecond; left > 90*24*time.Hour || left < 90*24*time.Hour-time.Hour {
			t.Errorf("they end in %v", left)
		}
	})
}

// An address with too many wrong passwords is refused at every account that does not
// know it, and not at an account that does. A try that was never compared does not
// count.
func TestAddressHasFewWrongPasswords(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		s.Met(t.Context(), "alice", accounts.Address{"carrier"})
		for i := range 20 {
			if tried := try(t, s, guess(fmt.Sprint("name", i), "carrier")); tried.Refused != "" || tried.Out != i+1 {
				t.Fatalf("guess %d: %+v", i, tried)
			}
		}
		for i := range 15 { // more tries than an account has
			if tried := try(t, s, guess("bob", "carrier")); tried.Refused != accounts.RefusedAddress || tried.Wait <= 0 {
				t.Fatalf("guess %d: %+v", 20+i, tried)
			}
		}
		if tried := try(t, s, guess("bob", "elsewhere")); tried.Refused != "" {
			t.Errorf("what was refused counts for bob: %+v", tried)
		}
		alice := try(t, s, guess("alice", "carrier"))
		if alice.Refused != "" || !alice.Known {
			t.Errorf("alice is refused at her own address: %+v", alice)
		}
		for range 30 {
			tried := try(t, s, guess("carol", "third"))
			if tried.Refused != "" {
				t.Fatalf("refused by %s although nothing was compared", tried.Refused)
			}
			s.Settle(t.Context(), tried, false)
		}
		if n := tryKeys(t, s); n != 22+2 { // 20 names, alice, bob, and two addresses; none for carol and for the third address
			t.Errorf("%d keys are left", n)
		}
	})
}

// tryKeys returns how many keys of tries there are.
func tryKeys(t *testing.T, s *Store) (n int) {
	t.Helper()
	var mu sync.Mutex
	err := s.Topology.Each(t.Context(), func(ctx context.Context, c *redis.Client) error {
		keys, err := c.Keys(ctx, "cim:*:try").Result()
		mu.Lock()
		defer mu.Unlock()
		n += len(keys)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Tries come back one by one. When all are back, the store has no key about them.
func TestTriesComeBack(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		q := guess("alice", "a")
		q.Strangers, q.Address = limit.Rate{Burst: 2, Every: 300 * time.Millisecond}, limit.Rate{}
		for range 2 {
			try(t, s, q)
		}
		eventually(t, "one more try is allowed", func() bool { return try(t, s, q).Refused == "" })
		eventually(t, "nothing is left", func() bool { return tryKeys(t, s) == 0 })
	})
}

// If the clock is set back, nobody must wait longer than for an empty bucket.
func TestTriesSurviveAClockSetBack(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		key := tryKey("alice")
		ahead := op.Write(key, []any{"hset", key, "full", time.Now().Add(1000 * time.Hour).UnixMilli()})
		if s.Run(t.Context(), "try", ahead); ahead.Err != nil {
			t.Fatal(ahead.Err)
		}
		if tried := try(t, s, guess("alice", "a")); tried.Wait > time.Hour {
			t.Errorf("the next try is allowed in %v", tried.Wait)
		}
	})
}

func TestRegistrationsOfAnAddressAreBounded(t *testing.T) {
	eachTwo(t, Config{}, Config{}, func(t *testing.T, one, other *Store) {
		registrations := limit.Rate{Burst: 5, Every: time.Hour}
		for i, s := range []*Store{one, other, one, other, one, other} {
			out, wait, err := s.TakeRegistration(t.Context(), accounts.Address{"a"}, registrations)
			if err != nil || (wait > 0) != (i == 5) || out != min(i+1, 5) {
				t.Fatalf("registration %d: %d out, wait %v, %v", i, out, wait, err)
			}
		}
		one.GiveRegistration(t.Context(), accounts.Address{"a"}, registrations)
		for i := range 2 {
			if _, wait, err := other.TakeRegistration(t.Context(), accounts.Address{"a"}, registrations); err != nil || (wait > 0) != (i == 1) {
				t.Errorf("after one was given back, %d: wait %v, %v", i, wait, err)
			}
		}
	})
}

// The right password of a login is settled when the login's number is issued.
func TestNumberSettlesThePassword(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		for i := range 12 {
			tried := try(t, s, guess("alice", "home"))
			if tried.Refused != "" || tried.Known != (i > 0) {
				t.Fatalf("login %d: %+v", i, tried)
			}
			if _, err := s.IssueNumber(t.Context(), Issuing{User: alice, Device: "phone", Shown: tried}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// tryKey returns the key of package accounts that counts the tries at an account.
func tryKey(name string) string {
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("cim:{p%x}:try", sum[:16])
}
