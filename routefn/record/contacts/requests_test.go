package contacts_test

import (
	"errors"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/contacts"
)

// The remains of a contact whose account is gone can be removed.
func TestContactWhoseAccountIsGoneIsRemoved(t *testing.T) {
	each(t, record.Config{}, record.Config{}, func(t *testing.T, s, _ *record.Store) {
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

// Both users end up with the same. It does not matter who asks first, or how often a step
// is repeated.
func TestTwoUsersBecomeContacts(t *testing.T) {
	each(t, record.Config{}, record.Config{}, func(t *testing.T, s, _ *record.Store) {
		ctx := t.Context()
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		states := func(mine, theirs string) {
			t.Helper()
			if a, b := stateOf(t, s, alice, bob), stateOf(t, s, bob, alice); a != mine || b != theirs {
				t.Errorf("alice has %q and bob %q, want %q and %q", a, b, mine, theirs)
			}
		}
		if err := s.AcceptContact(ctx, bob, alice); !errors.Is(err, contacts.ErrNoRequest) {
			t.Errorf("accepted what nobody asked: %v", err)
		}
		for range 2 {
			if state, err := s.AskContact(ctx, alice, bob, "hello"); state != proto.RelationOutgoing || err != nil {
				t.Errorf("asked: %q, %v", state, err)
			}
			states(proto.RelationOutgoing, proto.RelationIncoming)
		}
		must(t, s.DeclineContact(ctx, bob, alice))
		states("", "")
		_, err := s.AskContact(ctx, alice, bob, "")
		must(t, err)
		if state, err := s.AskContact(ctx, bob, alice, ""); state != proto.RelationContact || err != nil {
			t.Errorf("asked back: %q, %v", state, err)
		}
		states(proto.RelationContact, proto.RelationContact)
		must(t, s.DeclineContact(ctx, bob, alice)) // no request is open
		states(proto.RelationContact, proto.RelationContact)
		must(t, s.RemarkContact(ctx, alice, bob, "bobby"))
		if list, err := s.Relations(ctx, alice); err != nil || len(list) != 1 || list[0].Remark != "bobby" || list[0].Since == 0 {
			t.Errorf("alice has %+v, %v", list, err)
		}
		for range 2 {
			must(t, s.EndContact(ctx, alice, bob))
			states("", "")
		}
		if err := s.RemarkContact(ctx, alice, bob, "x"); !errors.Is(err, contacts.ErrNoContact) {
			t.Errorf("a remark on a stranger: %v", err)
		}
	})
}

// A request to a user who blocks the asker is refused, and leaves nothing behind.
func TestBlockedUserCannotAsk(t *testing.T) {
	each(t, record.Config{}, record.Config{}, func(t *testing.T, s, _ *record.Store) {
		ctx := t.Context()
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		_, err := s.AskContact(ctx, alice, bob, "")
		must(t, err)
		must(t, s.Block(ctx, bob, alice))
		if state := stateOf(t, s, bob, alice); state != "" {
			t.Errorf("the request stayed: %q", state)
		}
		must(t, s.DeclineContact(ctx, alice, bob))
		if _, err := s.AskContact(ctx, alice, bob, ""); !errors.Is(err, contacts.ErrBlocked) {
			t.Errorf("asked: %v", err)
		}
		if list, err := s.Relations(ctx, alice); err != nil || len(list) != 0 {
			t.Errorf("alice has %+v, %v", list, err)
		}
		for _, other := range []int64{0, -1, alice} {
			if _, err := s.AskContact(ctx, alice, other, ""); !errors.Is(err, record.ErrInvalid) {
				t.Errorf("asked %d: %v", other, err)
			}
		}
	})
}

func stateOf(t testing.TB, s *record.Store, user, other int64) string {
	t.Helper()
	list, err := s.Relations(t.Context(), user)
	must(t, err)
	for _, r := range list {
		if r.User == other {
			return r.State
		}
	}
	return ""
}
