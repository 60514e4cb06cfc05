package record

import (
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/role"
)

func TestWhoFindsWhomByTheID(t *testing.T) {
	cfg := Config{Rules: role.Safe(), Limits: limit.Default()}
	eachTwo(t, cfg, Config{}, func(t *testing.T, closed, open *Store) {
		ctx := t.Context()
		alice := register(t, closed, "alice")
		find := func(s *Store, other int64, want bool) {
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
		stored(t, closed, private(wrote, alice, "1"), private(alice, read, "2"))
		find(closed, wrote, true)
		find(closed, read, true)
		befriend(t, closed, alice, friend)
		find(closed, friend, true)
		member := Account{User: register(t, closed, "member"), Name: "member"}
		g := founded(t, closed, member, "g")
		find(closed, member.User, false)
		if c := closed.ChangeGroups(ctx, []Change{{User: alice, Name: "alice", Group: g}})[0]; c.Err != nil {
			t.Fatal(c.Err)
		}
		find(closed, member.User, true)
		_, err := closed.SetConsent(ctx, stranger, Consent{Find: proto.ByEveryone})
		must(t, err)
		find(closed, stranger, true)
		_, err = closed.SetConsent(ctx, stranger, Consent{Find: proto.ByContacts})
		must(t, err)
		find(open, stranger, false)
		remove(t, closed, logref.Ref{User: stranger}.Hash())
		stored(t, closed, private(stranger, stranger, "again"))
		find(open, stranger, false)
	})
}
