package record

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/pass"
)

// A sender writes to new users over connections and over HTTP, through two routes. Only as
// many are allowed as the rate has. Those to whom it wrote before do not count.
func TestNewReceiversAreBounded(t *testing.T) {
	for name, again := range map[string]bool{"connections": false, "http": true} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Limits: limit.Limits{Receivers: limit.Rate{Every: time.Hour, Burst: 5}}}
			eachTwo(t, cfg, cfg, func(t *testing.T, one, other *Store) {
				alice := register(t, one, "alice")
				var users []int64
				for i := range 10 {
					users = append(users, register(t, one, fmt.Sprint("user", i)))
				}
				write := func(i int, id string) error {
					m := private(alice, users[i], id)
					m.Again = again
					return []*Store{one, other}[i%2].Append(t.Context(), []Message{m})[0].Err
				}
				for i := range users {
					err := write(i, fmt.Sprint("first", i))
					if wait := new(pass.Refused); i >= 5 && (!errors.Is(err, ErrNewReceivers) || !errors.As(err, wait) || wait.Wait() <= 0) || i < 5 && err != nil {
						t.Errorf("message to user %d: %v", i, err)
					}
				}
				for i := range 5 {
					if err := write(i, fmt.Sprint("second", i)); err != nil {
						t.Errorf("message to user %d again: %v", i, err)
					}
				}
				if err := write(7, "first7"); !errors.Is(err, ErrNewReceivers) {
					t.Errorf("the same message to user 7: %v", err)
				}
				if n := len(inbox(t, one, users[9])); n != 0 {
					t.Errorf("user 9 has %d messages", n)
				}
				bob := register(t, one, "bob")
				_, err := one.Schedule(t.Context(), Scheduling{Message: private(alice, bob, "later")})
				if !errors.Is(err, ErrNewReceivers) {
					t.Errorf("a delayed message: %v", err)
				}
			})
		})
	}
}

// Without limits nothing is remembered, and with them no more than needed.
func TestReceiversAreRememberedWithALimitOnly(t *testing.T) {
	for name, limits := range map[string]limit.Limits{"off": {}, "default": limit.Default()} {
		each(t, Config{Limits: limits}, func(t *testing.T, s *Store) {
			alice, bob := register(t, s, "alice"), register(t, s, "bob")
			stored(t, s, private(alice, bob, "a"), private(alice, alice, "b"))
			key := logref.Ref{User: alice}.Receivers()
			o := op.Read(key, []any{"zcard", key})
			if s.Run(t.Context(), "find", o); o.Err != nil {
				t.Fatal(o.Err)
			}
			want := int64(1)
			if name == "off" {
				want = 0
			}
			if n := op.Integer(o.Reply[0]); n != want {
				t.Errorf("%s: %d receivers are remembered, want %d", name, n, want)
			}
		})
	}
}

// The costs of requests are taken when their token is judged, over all routes. A void
// token takes nothing.
func TestRequestsTakeFromBudgets(t *testing.T) {
	cfg := Config{Limits: limit.Limits{Pulls: limit.Rate{Every: time.Hour, Burst: 3}, Groups: limit.Rate{Every: time.Hour, Burst: 1}}}
	eachTwo(t, cfg, cfg, func(t *testing.T, one, other *Store) {
		alice := register(t, one, "alice")
		void := passFor(alice, "phone", issue(t, one, alice, "phone").Number)
		logout(t, one, alice, "phone", &void)
		pass := passFor(alice, "desk", issue(t, one, alice, "desk").Number)
		pull := func(s *Store, p Pass, budgets ...Budget) error {
			ctx := WithPass(t.Context(), p)
			for _, b := range budgets {
				if err := s.Charge(ctx, b, 1); err != nil {
					return err
				}
			}
			_, err := s.Pull(ctx, alice, proto.Position{}, 0)
			return err
		}
		for range 5 {
			if err := pull(one, void, PullBudget); !errors.Is(err, ErrVoid) {
				t.Errorf("with a void token: %v", err)
			}
		}
		for i, want := range []error{nil, nil, nil, ErrLimited, ErrLimited} {
			if err := pull([]*Store{one, other}[i%2], pass, PullBudget); !errors.Is(err, want) {
				t.Errorf("pull %d: %v, want %v", i, err, want)
			}
		}
		if err := pull(one, pass); err != nil {
			t.Errorf("a request that takes nothing: %v", err)
		}
		if err := pull(other, pass, GroupBudget); err != nil {
			t.Errorf("another budget: %v", err)
		}
		if err := pull(one, pass, GroupBudget); !errors.Is(err, ErrLimited) {
			t.Errorf("more from it: %v", err)
		}
	})
}
