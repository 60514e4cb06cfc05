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
	"github.com/cim-go/cim/routefn/record/storetest"
)

// invited registers so many users, and returns their accounts.
func invited(t testing.TB, s *Store, n int) []Account {
	t.Helper()
	list := make([]Account, n)
	for i := range list {
		name := fmt.Sprint("guest", i)
		list[i] = Account{User: register(t, s, name), Name: name}
	}
	return list
}

// founded makes a group with its creator as the only member.
func founded(t testing.TB, s *Store, creator Account, id string) int64 {
	t.Helper()
	group, err := s.CreateGroup(t.Context(), NewGroup{Creator: creator.User, ID: id, Name: id})
	if err != nil {
		t.Fatal(err)
	}
	change := Change{User: creator.User, Name: creator.Name, Group: group, Once: true}
	if c := s.ChangeGroups(t.Context(), []Change{change})[0]; c.Err != nil {
		t.Fatal(c.Err)
	}
	return group
}

func groupsOf(t testing.TB, s *Store, user int64) []Group {
	t.Helper()
	groups, err := s.Groups(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

// The members of a new group belong to it, have it in their lists, and learn of it over
// their connections. A repetition brings back nobody who has left.
func TestFilledGroupHasItsMembers(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := Account{User: register(t, s, "alice"), Name: "alice"}
		guests := invited(t, s, 5)
		session := login(t, s, guests[0].User, "phone", "n1", 0)
		group := founded(t, s, alice, "g1")
		lease := Lease{Node: "n1", Boot: 7, Addr: "n1:8081"}
		enter(t, s, lease, group, alice.User)
		var first string // key
		for i, c := range s.FillGroup(t.Context(), group, alice.User, guests) {
			if i == 0 && c.Copy != nil {
				first = c.Copy.Stored.Key
			}
			if c.Err != nil || !c.Member || c.Copy == nil || len(c.Copy.Nodes) != 1 || c.Copy.Nodes[0] != lease || c.Version == 0 {
				t.Errorf("guest %d: %+v", i, c)
			}
			if want := i == 0; want != slices.Equal(c.Sessions, []Session{session}) {
				t.Errorf("guest %d has the sessions %v", i, c.Sessions)
			}
		}
		if got := shownOf(t, s, alice.User, group); got != "+alice +guest0 +guest1 +guest2 +guest3 +guest4" {
			t.Errorf("alice is shown %s", got)
		}
		for i, g := range guests {
			if groups := groupsOf(t, s, g.User); len(groups) != 1 || groups[0].Group != group || groups[0].Members != 6 {
				t.Errorf("guest %d has the groups %+v", i, groups)
			}
		}
		for _, c := range s.ChangeGroups(t.Context(), []Change{{User: guests[1].User, Name: guests[1].Name, Group: group, Leave: true}}) {
			if c.Err != nil {
				t.Fatal(c.Err)
			}
		}
		for i, c := range s.FillGroup(t.Context(), group, alice.User, guests) {
			if c.Err != nil || c.Member == (i == 1) || c.Copy != nil {
				t.Errorf("repeated, guest %d: %+v", i, c)
			}
		}
		if n := len(groupsOf(t, s, guests[1].User)); n != 0 {
			t.Errorf("one who has left has %d groups", n)
		}
		second := founded(t, s, alice, "g2")
		if again := s.FillGroup(t.Context(), second, alice.User, guests)[0]; again.Err != nil || again.Copy.Stored.Key == first {
			t.Errorf("joinings of two groups have one key: %+v", again)
		}
		for _, c := range s.FillGroup(t.Context(), group, guests[0].User, guests[:1]) {
			if !errors.Is(c.Err, ErrNotCreator) {
				t.Errorf("somebody else fills the group: %v", c.Err)
			}
		}
		for _, c := range s.FillGroup(t.Context(), group+1, alice.User, guests[:1]) {
			if !errors.Is(c.Err, ErrNoGroup) {
				t.Errorf("a group that is not there: %v", c.Err)
			}
		}
	})
}

// A user who has as many groups as one may have does not stay a member, and the others do.
func TestUserWithAllGroupsDoesNotStay(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := Account{User: register(t, s, "alice"), Name: "alice"}
		guests := invited(t, s, 3)
		full := logref.Ref{User: guests[1].User}.Hash()
		login(t, s, guests[1].User, "phone", "n1", 0) // makes the inbox
		ids := make([]string, proto.MaxGroups)
		for i := range ids {
			ids[i] = fmt.Sprint(1000 + i)
		}
		s.Run(t.Context(), "append", op.Write(full, []any{"hset", full, "groups", strings.Join(ids, "\n")}))
		group := founded(t, s, alice, "g1")
		for i, c := range s.FillGroup(t.Context(), group, alice.User, guests) {
			if i == 1 && (!errors.Is(c.Err, ErrTooManyGroups) || c.Member || c.Earlier == nil) || i != 1 && c.Err != nil {
				t.Errorf("guest %d: %+v", i, c)
			}
		}
		if m, err := s.Members(t.Context(), alice.User, group, 0, 10); err != nil || m.Total != 3 {
			t.Errorf("the group has %d members, %v", m.Total, err)
		}
	})
}

// A route that dies after it has filled a group leaves members whose lists lack the group.
// The next sweep puts it there, and so does a repetition.
func TestFillingThatWasCutShortIsFinished(t *testing.T) {
	for name, finish := range map[string]func(s *Store, t *testing.T, group, creator int64, guests []Account){
		"sweep": func(s *Store, t *testing.T, group, _ int64, _ []Account) {
			s.sweep(t.Context(), []logref.Ref{{Group: group}})
		},
		"repetition": func(s *Store, t *testing.T, group, creator int64, guests []Account) {
			s.FillGroup(t.Context(), group, creator, guests)
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, Config{}, func(t *testing.T, s *Store) {
				alice := Account{User: register(t, s, "alice"), Name: "alice"}
				guests := invited(t, s, 3)
				group := founded(t, s, alice, "g1")
				if _, err := s.fill(t.Context(), group, alice.User, guests); err != nil {
					t.Fatal(err)
				}
				if n := len(groupsOf(t, s, guests[0].User)); n != 0 {
					t.Fatalf("the list has %d groups already", n)
				}
				finish(s, t, group, alice.User, guests)
				for _, g := range guests {
					if groups := groupsOf(t, s, g.User); len(groups) != 1 || groups[0].Members != 4 {
						t.Errorf("%s has the groups %+v", g.Name, groups)
					}
				}
				hash := logref.Ref{Group: group}.Hash()
				o := op.Read(hash, []any{"hexists", hash, "filling"})
				if s.Run(t.Context(), "find", o); o.Err != nil || op.Integer(o.Reply[0]) != 0 {
					t.Errorf("the group is still being filled, %v", o.Err)
				}
			})
		})
	}
}

// A later change of a membership that FillGroup made counts, as one of any other.
func TestFilledMembersLeaveAndAreAdded(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := Account{User: register(t, s, "alice"), Name: "alice"}
		guest := invited(t, s, 1)
		group := founded(t, s, alice, "g1")
		s.FillGroup(t.Context(), group, alice.User, guest)
		for _, c := range []Change{{Leave: true}, {}, {Leave: true, By: alice.User}, {By: alice.User}} {
			c.User, c.Name, c.Group = guest[0].User, guest[0].Name, group
			if done := s.ChangeGroups(t.Context(), []Change{c})[0]; done.Err != nil || done.Member == c.Leave {
				t.Errorf("%+v: %+v", c, done)
			}
		}
		if got := shownOf(t, s, alice.User, group); got != "+alice +guest0 -guest0 +guest0 -guest0 +guest0" {
			t.Errorf("alice is shown %s", got)
		}
	})
}

// To make a group with 499 others takes few commands, those of
// scripts included: what a route does for one request.
func TestMakingALargeGroupTakesFewCommands(t *testing.T) {
	s := dial(t, Config{URL: storetest.Server.URL()})
	flush(t, s)
	alice := Account{User: register(t, s, "alice"), Name: "alice"}
	guests := invited(t, s, 499)
	users := make([]int64, len(guests))
	for i, g := range guests {
		users[i] = g.User
		stored(t, s, private(alice.User, g.User, fmt.Sprint("hi", g.User))) // makes the inbox
	}
	n := storetest.Commands(t, s.Topology, func() {
		accounts, errs := s.AccountsByID(t.Context(), users)
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		group := founded(t, s, alice, "g1")
		for _, c := range s.FillGroup(t.Context(), group, alice.User, accounts) {
			if c.Err != nil {
				t.Fatal(c.Err)
			}
		}
	})
	t.Logf("a group with %d others takes %d commands", len(guests), n)
	if n > 1500 {
		t.Errorf("%d commands, want at most 1,500", n)
	}
}
