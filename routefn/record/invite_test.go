package record

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/storetest"
	"github.com/cim-go/cim/routefn/role"
)

// Who may add whom follows from the rules, from contacts, from blocks and from what users
// have said, also after the hashes of inboxes were lost.
func TestWhoMayBeAdded(t *testing.T) {
	eachTwo(t, Config{}, Config{Rules: role.Safe()}, func(t *testing.T, open, closed *Store) {
		ctx := t.Context()
		alice := register(t, open, "alice")
		var users []int64
		for i := range 6 {
			users = append(users, register(t, open, fmt.Sprint("user", i)))
		}
		befriend(t, open, alice, users[1])
		must(t, open.Block(ctx, users[2], alice))
		for i, who := range []string{proto.ByEveryone, proto.ByContacts, proto.ByNobody} {
			_, err := open.SetConsent(ctx, users[3+i], Consent{Add: who})
			must(t, err)
		}
		check := func(s *Store, want ...error) {
			t.Helper()
			for i, err := range s.MayAdd(ctx, alice, users) {
				if !errors.Is(err, want[i]) || (err == nil) != (want[i] == nil) {
					t.Errorf("user %d: %v, want %v", i, err, want[i])
				}
			}
		}
		for _, lost := range []bool{false, true} {
			if lost {
				for _, user := range users {
					remove(t, open, logref.Ref{User: user}.Hash())
					stored(t, closed, private(user, user, "x")) // makes it again
				}
			}
			check(open, nil, nil, ErrBlocked, nil, ErrInvite, ErrInvite)
			check(closed, ErrInvite, nil, ErrBlocked, nil, ErrInvite, ErrInvite)
		}
		befriend(t, open, alice, users[4])
		must(t, open.Unblock(ctx, users[2], alice))
		check(open, nil, nil, nil, nil, nil, ErrInvite)
		check(closed, ErrInvite, nil, ErrInvite, nil, nil, ErrInvite)
	})
}

// To ask for 499 users takes three commands, unless they have chosen, and to invite them two
// for each. So a new group stays within 1,500 commands.
func TestAddingAndInvitingTakesFewCommands(t *testing.T) {
	s := dial(t, Config{URL: storetest.Server.URL(), Rules: role.Safe()})
	flush(t, s)
	alice := register(t, s, "alice")
	users := make([]int64, 499)
	for i, a := range invited(t, s, 499) {
		users[i] = a.User
		stored(t, s, private(alice, a.User, fmt.Sprint("hi", i))) // makes the inbox
	}
	if n := commandsOf(t, s, func() { s.MayAdd(t.Context(), alice, users) }); n > 3 {
		t.Errorf("to ask takes %d commands", n)
	}
	n := commandsOf(t, s, func() {
		for i, err := range s.Invite(t.Context(), Invitation{Group: 9, By: alice}, users) {
			if err != nil {
				t.Fatal(i, err)
			}
		}
	})
	if n > 2*499+10 {
		t.Errorf("to invite takes %d commands", n)
	}
}

func TestInvitationsAreBounded(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		for i := range 2 * mostInvitations {
			must(t, s.Invite(t.Context(), Invitation{Group: int64(2 + i), Name: fmt.Sprint("group ", i), By: alice}, []int64{bob})[0])
		}
		must(t, s.Invite(t.Context(), Invitation{Group: 3 + mostInvitations, By: alice}, []int64{bob})[0]) // again: it is the newest now
		list, err := s.Invitations(t.Context(), bob)
		must(t, err)
		if len(list) != mostInvitations || list[0].Group != 2+mostInvitations || list[len(list)-1].Group != 3+mostInvitations || list[0].Name != "group 100" {
			t.Errorf("%d invitations, from %+v to %+v", len(list), list[0], list[len(list)-1])
		}
		for _, in := range list {
			for range 2 {
				must(t, s.EndInvitation(t.Context(), bob, in.Group))
			}
		}
		if list, err := s.Invitations(t.Context(), bob); err != nil || len(list) != 0 {
			t.Errorf("%d invitations, %v", len(list), err)
		}
	})
}

func TestWhoLeftIsNotAddedByOthers(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := Account{User: register(t, s, "alice"), Name: "alice"}
		bob := Account{User: register(t, s, "bob"), Name: "bob"}
		g := founded(t, s, alice, "g1")
		add := Change{User: bob.User, Name: "bob", Group: g, By: alice.User}
		for _, c := range []struct {
			Change
			want error
		}{
			{Change{User: bob.User, Name: "bob", Group: g}, nil},
			{Change{User: bob.User, Name: "bob", Group: g, Leave: true}, nil},
			{add, ErrLeft},
			{add, ErrLeft},
			{Change{User: bob.User, Name: "bob", Group: g}, nil},
			{Change{User: bob.User, Name: "bob", Group: g, Leave: true, By: alice.User}, nil},
			{add, nil},
		} {
			if got := s.ChangeGroups(t.Context(), []Change{c.Change})[0].Err; !errors.Is(got, c.want) || (got == nil) != (c.want == nil) {
				t.Errorf("%+v: %v, want %v", c.Change, got, c.want)
			}
		}
	})
}

// Half of an inbox is kept for contacts, also for those to whom its owner never wrote.
func TestContactIsNoStrangerToAFullInbox(t *testing.T) {
	each(t, bounded(20), func(t *testing.T, s *Store) {
		bob, friend, late := register(t, s, "bob"), register(t, s, "friend"), register(t, s, "late")
		befriend(t, s, friend, bob)
		for i := range 5 {
			if n := writes(t, s, register(t, s, fmt.Sprint("user", i)), bob, "m", 2, false); n != 2 {
				t.Fatalf("stranger %d writes %d", i, n)
			}
		}
		if n := writes(t, s, late, bob, "m", 1, false); n != 0 {
			t.Errorf("one more stranger writes %d", n)
		}
		if n := writes(t, s, friend, bob, "m", 2, false); n != 2 {
			t.Errorf("the contact writes %d", n)
		}
	})
}

// What is left of a contact whose account is gone can be removed.
func TestContactWhoseAccountIsGoneIsRemoved(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		ctx := t.Context()
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		befriend(t, s, alice, bob)
		must(t, s.Block(ctx, alice, bob))
		if _, err := s.EraseAccount(ctx, bob); err != nil {
			t.Fatal(err)
		}
		must(t, s.Unblock(ctx, alice, bob))
		must(t, s.DeclineContact(ctx, alice, bob))
		must(t, s.EndContact(ctx, alice, bob))
		if list, err := s.Relations(ctx, alice); err != nil || len(list) != 0 {
			t.Errorf("alice has %+v, %v", list, err)
		}
	})
}
