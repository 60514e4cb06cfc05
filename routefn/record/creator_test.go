package record

import (
	"errors"
	"slices"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
)

// ask requests one change, which may fail.
func ask(t testing.TB, s *Store, c Change) Changed {
	t.Helper()
	return s.ChangeGroups(t.Context(), []Change{c})[0]
}

func TestRepeatedRequestGetsTheSameGroup(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		first := NewGroup{Creator: 7, ID: "r1", Name: "friends"}
		create := func(g NewGroup) int64 {
			t.Helper()
			id, err := s.CreateGroup(t.Context(), g)
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		ids := []int64{create(first), create(NewGroup{Creator: 7, ID: "r2"}), create(NewGroup{Creator: 8, ID: "r1"})}
		if again := create(first); again != ids[0] {
			t.Errorf("group %d, then %d", ids[0], again)
		}
		slices.Sort(ids)
		if len(slices.Compact(ids)) != 3 {
			t.Errorf("three requests made the groups %v", ids)
		}
		for late, other := range map[NewGroup]NewGroup{ // the first id of late belongs to the group of other
			{Creator: 7, ID: "r3"}: {Creator: 7, ID: "x"},
			{Creator: 7, ID: "r4"}: {Creator: 8, ID: "r4"},
		} {
			taken := logref.Ref{Group: late.id("", 0)}.GroupScript(createScript, []string{logref.Ref{Group: late.id("", 0)}.Leases()}, "00000000000000e1", "0:g\n", "", other.Creator, other.ID)
			if s.Run(t.Context(), "create", taken); taken.Err != nil {
				t.Fatal(taken.Err)
			}
			for range 2 {
				if got := create(late); got != late.id("", 1) {
					t.Errorf("got %d, want the second choice %d", got, late.id("", 1))
				}
			}
		}
		for _, g := range []NewGroup{{Creator: 7}, {ID: "r"}, {Creator: 7, ID: "two words"}, {Creator: 7, ID: "r", Name: "a\tb"}} {
			if _, err := s.CreateGroup(t.Context(), g); !errors.Is(err, ErrInvalid) {
				t.Errorf("%+v: %v", g, err)
			}
		}
	})
}

func TestIDsOfGroupsAreAmongThoseThatThereAre(t *testing.T) {
	seen := make(map[int64]bool)
	for try := range 1000 {
		id := NewGroup{Creator: 7, ID: "r"}.id("seal", try)
		if id <= proto.Everyone || id > proto.MaxUser || seen[id] {
			t.Fatalf("try %d is %d", try, id)
		}
		seen[id] = true
	}
}

// A group's id cannot be computed from its creator and its request alone. While the secret
// is changed, a repetition of the request still finds the group.
func TestSealedIDOfAGroup(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		g := NewGroup{Creator: 7, ID: "create-1", Seal: "first"}
		create := func(g NewGroup) int64 {
			t.Helper()
			id, err := s.CreateGroup(t.Context(), g)
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		made := create(g)
		if open := (NewGroup{Creator: 7, ID: "create-1"}).id("", 0); made == open {
			t.Errorf("group %d can be computed", made)
		}
		g.Seal, g.Earlier = "second", "first"
		if again := create(g); again != made {
			t.Errorf("made again as %d, not %d", again, made)
		}
		g.ID = "create-2"
		late := create(g)
		g.Earlier = ""
		if again := create(g); again != late {
			t.Errorf("made again as %d, not %d", again, late)
		}
	})
}

func TestOnlyTheCreatorChangesOthers(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob, carol := account(t, s, "alice"), account(t, s, "bob"), account(t, s, "carol")
		g := group(t, s, alice, bob, carol)
		for want, c := range map[error]Change{
			ErrNotCreator: {User: carol.User, Name: "carol", Group: g, Leave: true, By: bob.User},
			ErrNoGroup:    {User: carol.User, Name: "carol", Group: 4711, Leave: true, By: bob.User},
		} {
			if got := ask(t, s, c); !errors.Is(got.Err, want) || got.Copy != nil || got.Sessions != nil || got.Version != 0 {
				t.Errorf("%v: %+v", want, got)
			}
		}
		both := s.ChangeGroups(t.Context(), []Change{
			{User: carol.User, Name: "carol", Group: g, Leave: true, By: bob.User},
			{User: bob.User, Name: "bob", Group: g, Leave: true, By: bob.User}, // the creator
		})
		if both[0].Err == nil || both[1].Err != nil || both[1].Member {
			t.Errorf("changed %+v", both)
		}
		if got := shownOf(t, s, alice.User, g); got != "+alice +bob +carol -bob" {
			t.Errorf("alice reads %q", got)
		}
	})
}

func TestWhoWasRemovedIsOutUntilHeIsAdded(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := account(t, s, "alice"), account(t, s, "bob")
		g := group(t, s, alice, bob)
		remove := Change{User: bob.User, Name: "bob", Group: g, Leave: true, By: alice.User}
		add := Change{User: bob.User, Name: "bob", Group: g, By: alice.User}
		login(t, s, bob.User, "phone", "n2", 0)
		removed := ask(t, s, remove)
		if removed.Err != nil || removed.Member || removed.Copy == nil || len(removed.Sessions) != 1 || removed.Sessions[0].Node != "n2" {
			t.Fatalf("removed with %+v", removed)
		}
		if m, err := removed.Copy.Stored.Message(); err != nil || m.Kind != proto.Kind_LEAVE || m.From != bob.User || m.FromName != "bob" || m.By != alice.User {
			t.Errorf("the entry is %+v, %v", m, err)
		}
		stored(t, s, toGroup(alice, g, "secret"))
		if got := shownOf(t, s, bob.User, g); got != "+bob -bob" {
			t.Errorf("bob reads %q", got)
		}
		if again := ask(t, s, remove); again.Err != nil || again.Copy != nil {
			t.Errorf("removed again with %+v", again)
		}
		change(t, s, bob, g, true) // leaving changes nothing about the removal
		for _, once := range []bool{false, true} {
			c := ask(t, s, Change{User: bob.User, Name: "bob", Group: g, Once: once})
			if want := ErrRemoved; c.Copy != nil || c.Member || !once && !errors.Is(c.Err, want) {
				t.Errorf("bob joins with %+v", c)
			}
		}
		if got := listed(t, s, bob.User); len(got) != 0 {
			t.Errorf("bob's groups are %v", got)
		}
		added := ask(t, s, add)
		if m, err := added.Copy.Stored.Message(); added.Err != nil || err != nil || m.Kind != proto.Kind_JOIN || m.By != alice.User {
			t.Errorf("added with %+v", added)
		}
		stored(t, s, toGroup(bob, g, "hi"))
		change(t, s, bob, g, true)
		change(t, s, bob, g, false) // this time bob leaves without being removed, and may come back
		if got := shownOf(t, s, alice.User, g); got != "+alice +bob -bob secret +bob hi -bob +bob" {
			t.Errorf("alice reads %q", got)
		}
	})
}

// A member who leaves before being removed cannot join again either. A user who never
// was a member can.
func TestRemovalOfWhoDoesNotBelong(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob, carol := account(t, s, "alice"), account(t, s, "bob"), account(t, s, "carol")
		g := group(t, s, alice, bob)
		change(t, s, bob, g, true)
		for _, u := range []Account{bob, carol} {
			if c := ask(t, s, Change{User: u.User, Name: u.Name, Group: g, Leave: true, By: alice.User}); c.Err != nil || c.Copy != nil {
				t.Errorf("%s is removed with %+v", u.Name, c)
			}
		}
		if c := ask(t, s, Change{User: bob.User, Name: "bob", Group: g}); !errors.Is(c.Err, ErrRemoved) {
			t.Errorf("bob joins with %+v", c)
		}
		change(t, s, carol, g, false)
	})
}

func TestRepeatedInvitationBringsNobodyBack(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := account(t, s, "alice"), account(t, s, "bob")
		g := group(t, s, alice)
		invitation := Change{User: bob.User, Name: "bob", Group: g, By: alice.User, Once: true}
		for i, joins := range []bool{true, false} {
			if c := ask(t, s, invitation); c.Err != nil || !c.Member || (c.Copy != nil) != joins {
				t.Errorf("invitation %d: %+v", i, c)
			}
		}
		change(t, s, bob, g, true)
		if c := ask(t, s, invitation); c.Err != nil || c.Member || c.Copy != nil {
			t.Errorf("having left: %+v", c)
		}
		change(t, s, bob, g, false) // the removal of a user who never was a member has no effect
	})
}

// When the route dies, the removal is there as an intent, and in one case also in the
// group.
func TestUnfinishedRemovalIsFinishedByWhoeverMeetsIt(t *testing.T) {
	for _, decided := range []bool{false, true} {
		each(t, Config{}, func(t *testing.T, s *Store) {
			alice, bob, carol := account(t, s, "alice"), account(t, s, "bob"), account(t, s, "carol")
			g := group(t, s, alice, bob, carol)
			interrupt(t, s, Change{User: bob.User, Name: "bob", Group: g, Leave: true, By: alice.User}, decided)
			c := ask(t, s, Change{User: bob.User, Name: "bob", Group: g})
			if !errors.Is(c.Err, ErrRemoved) || c.Earlier == nil || (c.Earlier.Copy == nil) != decided {
				t.Errorf("decided %v: bob joins with %+v, earlier %+v", decided, c, c.Earlier)
			}
			interrupt(t, s, Change{User: carol.User, Name: "carol", Group: g, Leave: true, By: alice.User}, decided)
			o := open(t, s, carol.User, "phone", "n1", issue(t, s, carol.User, "phone").Number, 0)
			if len(o.Groups) != 0 || len(o.Finished) != 1 {
				t.Errorf("decided %v: carol opened with %+v", decided, o)
			}
			if got := shownOf(t, s, alice.User, g); got != "+alice +bob +carol -bob -carol" {
				t.Errorf("decided %v: alice reads %q", decided, got)
			}
		})
	}
}

// The intent of a joining that is refused does not stay.
func TestRefusedIntentIsForgotten(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob := account(t, s, "alice"), account(t, s, "bob")
		g := group(t, s, alice, bob)
		if c := ask(t, s, Change{User: bob.User, Name: "bob", Group: g, Leave: true, By: alice.User}); c.Err != nil {
			t.Fatal(c.Err)
		}
		interrupt(t, s, Change{User: bob.User, Name: "bob", Group: g}, false)
		if c := ask(t, s, Change{User: bob.User, Name: "bob", Group: g, By: alice.User}); c.Err != nil || !c.Member {
			t.Errorf("added with %+v", c)
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
