package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/role"
)

func appoint(t testing.TB, s *Store, user Account, next role.System) {
	t.Helper()
	if err := s.SetSystemRole(t.Context(), user.User, next); err != nil {
		t.Fatalf("make %s %s: %v", user.Name, next, err)
	}
}

func TestRoleDecidesWhoReachesEveryone(t *testing.T) {
	each(t, Config{Rules: role.Safe()}, func(t *testing.T, s *Store) {
		alice, bob, carol := account(t, s, "alice"), account(t, s, "bob"), account(t, s, "carol")
		appoint(t, s, bob, role.Moderator)
		appoint(t, s, carol, role.Operator)
		appoint(t, s, carol, role.Operator)
		for id, again := range map[string]bool{"first": false, "again": true} {
			for user, want := range map[Account]error{alice: ErrForbidden, bob: nil, carol: nil} {
				m := toGroup(user, proto.Everyone, id)
				m.Again = again
				if got := s.Append(t.Context(), []Message{m}); !errors.Is(got[0].Err, want) {
					t.Errorf("%s writes %s: %v", user.Name, id, got[0].Err)
				}
			}
		}
		if err := s.ReachEveryone(t.Context(), alice.User); !errors.Is(err, ErrForbidden) {
			t.Errorf("alice: %v", err)
		}
		if err := s.ReachEveryone(t.Context(), bob.User); err != nil {
			t.Errorf("bob: %v", err)
		}
		officers, err := s.Officers(t.Context())
		if want := []Officer{{bob.User, role.Moderator}, {carol.User, role.Operator}}; err != nil || !slices.Equal(officers, want) {
			t.Errorf("officers are %v, %v", officers, err)
		}
		appoint(t, s, bob, role.User)
		if got := s.Append(t.Context(), []Message{toGroup(bob, proto.Everyone, "late")}); !errors.Is(got[0].Err, ErrForbidden) {
			t.Errorf("bob, who is no moderator any more: %v", got[0].Err)
		}
		officers, err = s.Officers(t.Context())
		if want := []Officer{{carol.User, role.Operator}}; err != nil || !slices.Equal(officers, want) {
			t.Errorf("officers are %v, %v", officers, err)
		}
	})
}

func TestWithoutRulesAllReachEveryone(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := account(t, s, "alice")
		stored(t, s, toGroup(alice, proto.Everyone, "hi"))
		if err := s.ReachEveryone(t.Context(), alice.User); err != nil {
			t.Error(err)
		}
	})
}

func TestNewcomersReadWhatEveryoneIsToldFromThenOn(t *testing.T) {
	eachTwo(t, Config{}, Config{}, func(t *testing.T, s, other *Store) {
		alice := account(t, s, "alice")
		for i := range 3 {
			stored(t, s, toGroup(alice, proto.Everyone, fmt.Sprint("before-", i)))
		}
		bob := account(t, s, "bob")
		stored(t, s, toGroup(bob, proto.Everyone, "after"))
		if got := shownOf(t, s, alice.User, proto.Everyone); got != "before-0 before-1 before-2 after" {
			t.Errorf("alice reads %q", got)
		}
		p, err := s.Pull(t.Context(), bob.User, proto.Position{Log: proto.Everyone}, 0)
		if err != nil || len(p.Entries) != 1 || p.Oldest != p.Newest.Number {
			t.Errorf("bob reads %+v, %v", p, err)
		}
		all, err := s.PullForAll(t.Context(), bob.User, proto.Position{Log: proto.Everyone}, 0)
		if err != nil || len(all.Entries) != 4 {
			t.Errorf("bob's node reads %+v, %v", all, err)
		}
		// A failover loses the end of the log, and its numbers come again.
		l := logref.Ref{Group: proto.Everyone}
		onKey(t, other, l.List(), func(ctx context.Context, c *redis.Client) error {
			return c.LTrim(ctx, l.List(), 0, 1).Err()
		})
		for i := range 2 {
			stored(t, other, toGroup(alice, proto.Everyone, fmt.Sprint("new-", i)))
		}
		if got := shownOf(t, other, bob.User, proto.Everyone); got != "before-0 new-0 new-1" {
			t.Errorf("bob reads %q after the failover", got)
		}
	})
}

// onKey calls f with the server that has the key.
func onKey(t testing.TB, s *Store, key string, f func(context.Context, *redis.Client) error) {
	t.Helper()
	c, err := s.Topology.Master(t.Context(), key)
	if err == nil {
		err = f(t.Context(), c)
	}
	if err != nil {
		t.Fatal(err)
	}
}
