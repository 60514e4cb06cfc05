package contacts_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/contacts"
	"github.com/cim-go/cim/routefn/record/storetest"
	"github.com/cim-go/cim/routefn/role"
)

// Who may add whom follows from the rules, from contacts, from blocks and from what users
// have said, also after the hashes of inboxes were lost.
func TestWhoMayBeAdded(t *testing.T) {
	each(t, record.Config{}, record.Config{Rules: role.Safe()}, func(t *testing.T, open, closed *record.Store) {
		ctx := t.Context()
		alice := register(t, open, "alice")
		var users []int64
		for i := range 6 {
			users = append(users, register(t, open, fmt.Sprint("user", i)))
		}
		befriend(t, open, alice, users[1])
		must(t, open.Block(ctx, users[2], alice))
		for i, who := range []string{proto.ByEveryone, proto.ByContacts, proto.ByNobody} {
			_, err := open.SetConsent(ctx, users[3+i], contacts.Consent{Add: who})
			must(t, err)
		}
		check := func(s *record.Store, want ...error) {
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
					loseHash(t, open, user)
					write(t, closed, user, user, "x") // makes it again
				}
			}
			check(open, nil, nil, contacts.ErrBlocked, nil, contacts.ErrInvite, contacts.ErrInvite)
			check(closed, contacts.ErrInvite, nil, contacts.ErrBlocked, nil, contacts.ErrInvite, contacts.ErrInvite)
		}
		befriend(t, open, alice, users[4])
		must(t, open.Unblock(ctx, users[2], alice))
		check(open, nil, nil, nil, nil, nil, contacts.ErrInvite)
		check(closed, contacts.ErrInvite, nil, contacts.ErrInvite, nil, nil, contacts.ErrInvite)
	})
}

// To ask for 499 users takes three commands, unless they have chosen.
func TestAskingWhomToAddTakesFewCommands(t *testing.T) {
	s := dial(t, record.Config{URL: storetest.Server.URL(), Rules: role.Safe()})
	alice := register(t, s, "alice")
	users := make([]int64, 499)
	for i := range users {
		users[i] = register(t, s, fmt.Sprint("guest", i))
	}
	n := storetest.Commands(t, s.Topology, func() {
		for i, err := range s.MayAdd(t.Context(), alice, users) {
			if !errors.Is(err, contacts.ErrInvite) {
				t.Fatal(i, err)
			}
		}
	})
	if n > 3 {
		t.Errorf("to ask takes %d commands", n)
	}
}
