package contacts_test

import (
	"context"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/contacts"
	"github.com/cim-go/cim/routefn/role"
)

func TestWhoFindsWhomByTheID(t *testing.T) {
	cfg := record.Config{Rules: role.Safe(), Limits: limit.Default()}
	each(t, cfg, record.Config{}, func(t *testing.T, closed, open *record.Store) {
		ctx := t.Context()
		alice := register(t, closed, "alice")
		find := func(s *record.Store, other int64, want bool) {
			t.Helper()
			if got, err := s.MayFind(ctx, alice, other); got != want || err != nil {
				t.Errorf("found: %v, %v; want %v", got, err, want)
			}
		}
		find(closed, alice, true)
		stranger, wrote, read, friend := register(t, closed, "stranger"), register(t, closed, "wrote"), register(t, closed, "read"), register(t, closed, "friend")
		find(closed, stranger, false)
		find(closed, 4711, false)
		find(open, stranger, true)
		write(t, closed, wrote, alice, "1")
		write(t, closed, alice, read, "2")
		find(closed, wrote, true)
		find(closed, read, true)
		befriend(t, closed, alice, friend)
		find(closed, friend, true)
		member := register(t, closed, "member")
		g, err := closed.CreateGroup(ctx, record.NewGroup{Creator: member, ID: "g"})
		must(t, err)
		must(t, join(closed, ctx, member, g))
		find(closed, member, false)
		must(t, join(closed, ctx, alice, g))
		find(closed, member, true)
		_, err = closed.SetConsent(ctx, stranger, contacts.Consent{Find: proto.ByEveryone})
		must(t, err)
		find(closed, stranger, true)
		_, err = closed.SetConsent(ctx, stranger, contacts.Consent{Find: proto.ByContacts})
		must(t, err)
		find(open, stranger, false)
		loseHash(t, closed, stranger)
		write(t, closed, stranger, stranger, "again")
		find(open, stranger, false)
	})
}

func join(s *record.Store, ctx context.Context, user, group int64) error {
	return s.ChangeGroups(ctx, []record.Change{{User: user, Name: "member", Group: group}})[0].Err
}
