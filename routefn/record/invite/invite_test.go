package invite_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/contacts"
	"github.com/cim-go/cim/routefn/record/invite"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// dial returns a Store, and empties what it stores in.
func dial(t testing.TB, url string) *record.Store {
	t.Helper()
	s, err := record.Dial(t.Context(), record.Config{URL: url, AllowEmbedded: true, DialTimeout: wait.Limit})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	storetest.Flush(t, s.Topology)
	return s
}

func each(t *testing.T, f func(*testing.T, *record.Store)) {
	storetest.Each(t, func(t *testing.T, url string) { f(t, dial(t, url)) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// register makes an account and returns its user.
func register(t testing.TB, s *record.Store, name string) int64 {
	t.Helper()
	acc, _, err := s.Register(t.Context(), name, "")
	must(t, err)
	return acc.User
}

func TestInvitationsAreBounded(t *testing.T) {
	const most = 100
	each(t, func(t *testing.T, s *record.Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		for i := range 2 * most {
			must(t, s.Invite(t.Context(), invite.Invitation{Group: int64(2 + i), Name: fmt.Sprint("group ", i), By: alice}, []int64{bob})[0])
		}
		must(t, s.Invite(t.Context(), invite.Invitation{Group: 3 + most, By: alice}, []int64{bob})[0]) // again: it is the newest now
		list, err := s.Invitations(t.Context(), bob)
		must(t, err)
		if len(list) != most || list[0].Group != 2+most || list[len(list)-1].Group != 3+most || list[0].Name != "group 100" {
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

// To invite 499 users takes two commands for each. So a new group stays within 1,500 commands.
func TestInvitingTakesFewCommands(t *testing.T) {
	s := dial(t, storetest.Server.URL())
	alice := register(t, s, "alice")
	users := make([]int64, 499)
	for i := range users {
		users[i] = register(t, s, fmt.Sprint("guest", i))
	}
	n := storetest.Commands(t, s.Topology, func() {
		for i, err := range s.Invite(t.Context(), invite.Invitation{Group: 9, By: alice}, users) {
			if err != nil {
				t.Fatal(i, err)
			}
		}
	})
	if n > 2*499+10 {
		t.Errorf("to invite takes %d commands", n)
	}
}

// A user whose inbox is lost is invited all the same, and one who blocks the inviter is not,
// nor is one without an account.
func TestWhoIsInvited(t *testing.T) {
	each(t, func(t *testing.T, s *record.Store) {
		ctx := t.Context()
		alice, bob, carol := register(t, s, "alice"), register(t, s, "bob"), register(t, s, "carol")
		must(t, s.Block(ctx, carol, alice))
		key := logref.Ref{User: bob}.Hash()
		lost := op.Write(key, []any{"del", key})
		s.Run(ctx, "test", lost)
		must(t, lost.Err)
		in := invite.Invitation{Group: 9, Name: "friends", By: alice}
		for i, err := range s.Invite(ctx, in, []int64{bob, carol, 4711}) {
			if want := []error{nil, contacts.ErrBlocked, record.ErrNoUser}[i]; !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Errorf("user %d: %v, want %v", i, err, want)
			}
		}
		for user, want := range map[int64]int{bob: 1, carol: 0} {
			if list, err := s.Invitations(ctx, user); err != nil || len(list) != want || want == 1 && (list[0].By != alice || list[0].Name != "friends" || list[0].Since == 0) {
				t.Errorf("%d has %+v, %v", user, list, err)
			}
		}
	})
}
