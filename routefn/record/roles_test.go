package record

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/role"
)

// give has by give user a role in the group, and fails the test if the error is another
// one than want.
func give(t testing.TB, s *Store, by Account, group int64, user Account, next role.Group, want error) {
	t.Helper()
	if err := s.GiveRole(t.Context(), by.User, group, user.User, next); !errors.Is(err, want) {
		t.Errorf("%s makes %s %s: %v", by.Name, user.Name, next, err)
	}
}

// roles returns the roles of all members of the group, as one of them reads them.
func roles(t testing.TB, s *Store, reader Account, group int64) string {
	t.Helper()
	m, err := s.Members(t.Context(), reader.User, group, 0, 100)
	if err != nil || len(m.Roles) != len(m.Users) {
		t.Fatalf("members %+v, %v", m, err)
	}
	var list []string
	for i, u := range m.Users {
		list = append(list, u.Name+" "+m.Roles[i].String())
	}
	slices.Sort(list)
	return fmt.Sprint(list)
}

func removal(by, user Account, group int64) Change {
	return Change{User: user.User, Name: user.Name, Group: group, Leave: true, By: by.User}
}

func TestOwnerGivesRolesAndHandsTheGroupOver(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob, carol := account(t, s, "alice"), account(t, s, "bob"), account(t, s, "carol")
		dave := account(t, s, "dave")
		g := group(t, s, alice, bob, carol)
		give(t, s, bob, g, carol, role.ReadOnly, ErrNotCreator)
		give(t, s, alice, g, dave, role.Admin, ErrNotMember)
		give(t, s, dave, g, bob, role.Admin, ErrNotMember)
		give(t, s, alice, 4711, bob, role.Admin, ErrNoGroup)
		give(t, s, alice, proto.Everyone, bob, role.Admin, ErrInvalid)
		for range 2 {
			give(t, s, alice, g, bob, role.Admin, nil)
		}
		give(t, s, bob, g, alice, role.Member, ErrNotCreator)
		give(t, s, bob, g, carol, role.Admin, ErrNotCreator)
		give(t, s, bob, g, carol, role.ReadOnly, nil)
		if got := roles(t, s, carol, g); got != "[alice owner bob admin carol read-only]" {
			t.Errorf("roles are %s", got)
		}
		if got := ask(t, s, removal(bob, alice, g)); !errors.Is(got.Err, ErrNotCreator) {
			t.Errorf("bob removes alice: %+v", got)
		}
		for range 2 { // the second time, alice is an admin, and the group is bob's
			give(t, s, alice, g, bob, role.Owner, nil)
		}
		if got := roles(t, s, carol, g); got != "[alice admin bob owner carol read-only]" {
			t.Errorf("roles are %s", got)
		}
		list, err := s.Groups(t.Context(), carol.User)
		if err != nil || len(list) != 1 || list[0].Creator != alice.User || list[0].Owner != bob.User || list[0].Role != role.ReadOnly {
			t.Errorf("carol's groups are %+v, %v", list, err)
		}
		if got := ask(t, s, removal(bob, alice, g)); got.Err != nil || got.Member {
			t.Errorf("bob removes alice: %+v", got)
		}
		if r, err := s.RoleIn(t.Context(), alice.User, g); r != role.Stranger || err != nil {
			t.Errorf("alice is %v, %v", r, err)
		}
	})
}

func TestReadOnlyMembersWriteNothing(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := account(t, s, "alice"), account(t, s, "bob")
		g := group(t, s, alice, bob)
		before := toGroup(bob, g, "before")
		stored(t, s, before)
		give(t, s, alice, g, bob, role.ReadOnly, nil)
		for _, again := range []bool{false, true} {
			m := toGroup(bob, g, "after")
			m.Again = again
			if got := s.Append(t.Context(), []Message{m, toGroup(alice, g, fmt.Sprint("fine-", again))}); !errors.Is(got[0].Err, ErrForbidden) || got[1].Err != nil {
				t.Errorf("again %v: %v, %v", again, got[0].Err, got[1].Err)
			}
			before.Again = again // a network repeats what was stored: it is found
			if got := s.Append(t.Context(), []Message{before}); got[0].Err != nil || !got[0].Repeated {
				t.Errorf("repetition, again %v: %+v", again, got[0])
			}
		}
		change(t, s, bob, g, true)
		change(t, s, bob, g, false) // who leaves and comes back is read-only still
		if got := s.Append(t.Context(), []Message{toGroup(bob, g, "back")}); !errors.Is(got[0].Err, ErrForbidden) {
			t.Errorf("back: %v", got[0].Err)
		}
		give(t, s, alice, g, bob, role.Member, nil)
		stored(t, s, toGroup(bob, g, "at-last"))
		if got := shownOf(t, s, alice.User, g); got != "+alice +bob before fine-false fine-true -bob +bob at-last" {
			t.Errorf("alice reads %q", got)
		}
	})
}

func TestWhoLeftHasNoRights(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob, carol := account(t, s, "alice"), account(t, s, "bob"), account(t, s, "carol")
		g := group(t, s, alice, bob)
		add := Change{User: carol.User, Name: carol.Name, Group: g, By: alice.User}
		change(t, s, alice, g, true)
		if got := ask(t, s, add); !errors.Is(got.Err, ErrNotCreator) {
			t.Errorf("alice adds carol from outside: %+v", got)
		}
		if got := ask(t, s, removal(alice, bob, g)); !errors.Is(got.Err, ErrNotCreator) {
			t.Errorf("alice removes bob from outside: %+v", got)
		}
		change(t, s, alice, g, false) // there was no admin, so the group is alice's again
		if got := ask(t, s, add); got.Err != nil || !got.Member {
			t.Errorf("alice adds carol: %+v", got)
		}
		give(t, s, alice, g, carol, role.Admin, nil)
		give(t, s, alice, g, bob, role.Admin, nil)
		change(t, s, alice, g, true) // the group falls to the first admin
		change(t, s, alice, g, false)
		if got := roles(t, s, alice, g); got != "[alice member bob admin carol owner]" {
			t.Errorf("roles are %s", got)
		}
		change(t, s, bob, g, true)
		change(t, s, bob, g, false)
		if got := roles(t, s, alice, g); got != "[alice member bob member carol owner]" {
			t.Errorf("roles are %s", got)
		}
	})
}

// An admin asks for a change, and is none any more when it is carried out.
func TestChangeIsJudgedWhenItIsCarriedOut(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob, carol := account(t, s, "alice"), account(t, s, "bob"), account(t, s, "carol")
		g := group(t, s, alice, bob, carol)
		give(t, s, alice, g, bob, role.Admin, nil)
		c := removal(bob, carol, g)
		before := s.judge(t.Context(), []Change{c})[0]
		answers := make([]Changed, 1)
		intents := s.intend(t.Context(), []Change{c}, answers, []int{0})
		if before.err != nil || len(intents) != 1 {
			t.Fatalf("judged %+v, intents %v", before, intents)
		}
		give(t, s, alice, g, bob, role.Member, nil)
		late, err := s.decide(t.Context(), intents[0], before)
		if err != nil {
			t.Fatal(err)
		}
		s.Accept(t.Context(), "change", late)
		var decided Changed
		if decided.decided(intents[0], late); !errors.Is(decided.Err, errRolesChanged) {
			t.Errorf("with the roles from before: %+v", decided)
		}
		finished := s.finish(t.Context(), intents)[0] // by another process, say
		if !errors.Is(finished.Err, ErrNotCreator) || !finished.Member || finished.Copy != nil {
			t.Errorf("finished with %+v", finished)
		}
		late, err = s.decide(t.Context(), intents[0], s.judge(t.Context(), []Change{{User: carol.User, Group: g, Leave: true, By: alice.User}})[0])
		if err != nil {
			t.Fatal(err)
		}
		s.Accept(t.Context(), "change", late) // what was refused is never carried out
		stored(t, s, toGroup(carol, g, "here"))
		if got := listed(t, s, carol.User); !slices.Contains(got, g) {
			t.Errorf("carol's groups are %v", got)
		}
	})
}

func TestGroupHasAFewAdmins(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := account(t, s, "alice")
		g := group(t, s, alice)
		var users []Account
		for i := range mostAdmins + 1 {
			users = append(users, account(t, s, fmt.Sprint("user-", i)))
			change(t, s, users[i], g, false)
		}
		for _, u := range users[:mostAdmins] {
			give(t, s, alice, g, u, role.Admin, nil)
		}
		give(t, s, alice, g, users[mostAdmins], role.Admin, ErrTooManyOfficers)
		give(t, s, alice, g, users[0], role.Member, nil)
		give(t, s, alice, g, users[mostAdmins], role.Admin, nil)
	})
}
