package record

import (
	"slices"
	"testing"

	"github.com/cim-go/cim/proto"
)

// An interrupted change is there as an intent, and in one case also in the group.
func TestUnfinishedChangeIsFinishedByTheNextOne(t *testing.T) {
	for name, leave := range map[string]bool{"join": false, "leave": true} {
		for _, decided := range []bool{false, true} {
			each(t, Config{}, func(t *testing.T, s *Store) {
				alice, bob := account(t, s, "alice"), account(t, s, "bob")
				g := group(t, s, alice, bob)
				if !leave {
					change(t, s, bob, g, true)
				}
				interrupt(t, s, Change{User: bob.User, Name: "bob", Group: g, Leave: leave}, decided)
				c := change(t, s, bob, g, !leave) // the opposite change, so that both must be carried out
				if c.Earlier == nil || c.Earlier.Member == leave || (c.Earlier.Copy == nil) != decided || c.Copy == nil {
					t.Errorf("%s, decided %v: %+v, earlier %+v", name, decided, c, c.Earlier)
				}
				want := "+alice +bob -bob +bob"
				if !leave {
					want += " -bob"
				}
				if got := shownOf(t, s, alice.User, g); got != want {
					t.Errorf("%s, decided %v: alice reads %q", name, decided, got)
				}
				if got := listed(t, s, bob.User); (len(got) == 1) != leave {
					t.Errorf("%s, decided %v: bob's groups are %v", name, decided, got)
				}
				// The interrupted process goes on, and nothing changes.
				before := shownOf(t, s, alice.User, g)
				s.finish(t.Context(), []intent{{Change: Change{User: bob.User, Name: "bob", Group: g, Leave: leave}, version: 1}})
				if got := shownOf(t, s, alice.User, g); got != before {
					t.Errorf("%s: a late step made it %q", name, got)
				}
			})
		}
	}
}

// interrupt begins a change and stops after its first step, or, if decided is set,
// after its second step.
func interrupt(t *testing.T, s *Store, c Change, decided bool) {
	t.Helper()
	answers := make([]Changed, 1)
	intents := s.intend(t.Context(), []Change{c}, answers, []int{0})
	if len(intents) != 1 {
		t.Fatal(answers[0].Err)
	}
	if !decided {
		return
	}
	o, err := s.decide(t.Context(), intents[0], s.judge(t.Context(), []Change{intents[0].Change})[0])
	if err != nil {
		t.Fatal(err)
	}
	if s.Run(t.Context(), "change", o); o.Err != nil {
		t.Fatal(o.Err)
	}
}

func TestUnfinishedJoiningIsFinishedByTheSameOneAndByALogin(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob, carol := account(t, s, "alice"), account(t, s, "bob"), account(t, s, "carol")
		g := group(t, s, alice)
		interrupt(t, s, Change{User: bob.User, Name: "bob", Group: g}, false)
		if c := change(t, s, bob, g, false); c.Copy == nil || c.Earlier != nil {
			t.Errorf("joined with %+v", c)
		}
		number := login(t, s, carol.User, "phone", "n1", 0).Number
		interrupt(t, s, Change{User: carol.User, Name: "carol", Group: g}, true)
		held := Held{User: carol.User, Device: "phone", Number: number}
		differences, err := s.Reconcile(t.Context(), []Held{held}, "n1", 7)
		if err != nil || len(differences) != 1 || differences[0].Verdict != proto.Verdict_GROUPS {
			t.Fatalf("reconciled to %v, %v", differences, err)
		}
		o := s.OpenSessions(t.Context(), []Opening{{User: carol.User, Number: number, Session: Session{Device: "phone", Node: "n1", Boot: 7, Addr: "n1:1"}}})[0]
		if o.Err != nil || !slices.Equal(o.Groups, []int64{g}) || len(o.Finished) != 1 || len(o.Finished[0].Sessions) != 1 {
			t.Fatalf("opened with %+v", o)
		}
		held.Version, held.Newest = o.Version, o.Newest
		if differences, err = s.Reconcile(t.Context(), []Held{held}, "n1", 7); err != nil || len(differences) != 0 {
			t.Errorf("then reconciled to %v, %v", differences, err)
		}
		if got := shownOf(t, s, alice.User, g); got != "+alice +bob +carol" {
			t.Errorf("alice reads %q", got)
		}
	})
}
