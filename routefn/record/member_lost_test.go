package record

import (
	"errors"
	"testing"

	"github.com/cim-go/cim/proto"
)

// A failover lost the end of the log. Bob's leaving has a number at which bob was shown
// another entry, or a lower one. So bob's cursor goes back to the known part of the
// log, and bob reads up to the leaving.
func TestWhoLeftGoesBackWhenTheLogLostItsEnd(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := account(t, s, "alice"), account(t, s, "bob")
		g := group(t, s, alice, bob)
		known := stored(t, s, toGroup(alice, g, "1"))[0].Own().Stored.At.Position()
		stored(t, s, toGroup(alice, g, "2"))
		end := change(t, s, bob, g, true).Copy.Stored.At
		stored(t, s, toGroup(alice, g, "3"), toGroup(alice, g, "4"))
		at := func(number int64, key string) proto.Position {
			return proto.Position{Log: g, Epoch: known.Epoch, Number: number, Key: key}
		}
		other := at(1, "")
		other.Epoch++
		for name, after := range map[string]proto.Position{
			"another entry":      at(end.Number, "1:lost"),
			"another one behind": at(end.Number+1, "1:lost"),
			"behind the end":     at(end.Number+9, "1:lost"),
			"another epoch":      other,
		} {
			if _, err := s.Pull(t.Context(), bob.User, after, 0); !errors.Is(err, ErrDiverged) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if p, err := s.Pull(t.Context(), bob.User, known, 0); err != nil || len(p.Entries) != 2 || p.Through.Number != end.Number {
			t.Errorf("from what is known bob reads %+v, %v", p, err)
		}
		for name, after := range map[string]proto.Position{"the leaving": end.Position(), "what came then": at(end.Number+2, proto.Key(alice.User, "4"))} {
			if _, err := s.Pull(t.Context(), bob.User, after, 0); !errors.Is(err, ErrNotMember) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
