package role

import (
	"slices"
	"testing"
)

var allGroups = []Group{Stranger, ReadOnly, Member, Admin, Owner}

func TestNamesOfGroupRoles(t *testing.T) {
	for _, g := range allGroups {
		got, ok := ParseGroup(g.String())
		if got != g || ok != (g != Stranger) {
			t.Errorf("%q is %v, %v", g, got, ok)
		}
	}
	for _, name := range []string{"Owner", "creator", "moderator"} {
		if g, ok := ParseGroup(name); ok {
			t.Errorf("%q is %v", name, g)
		}
	}
}

func TestWhoMayWriteAndAdd(t *testing.T) {
	for g, want := range map[Group][2]bool{
		Stranger: {false, false}, ReadOnly: {false, false}, Member: {true, false}, Admin: {true, true}, Owner: {true, true},
	} {
		if got := [2]bool{g.MayWrite(), g.MayAdd()}; got != want {
			t.Errorf("%v: %v", g, got)
		}
	}
}

func TestWhoMayRemoveWhom(t *testing.T) {
	may := map[Group][]Group{Admin: {Stranger, ReadOnly, Member}, Owner: {Stranger, ReadOnly, Member, Admin}}
	for _, g := range allGroups {
		for _, other := range allGroups {
			if got, want := g.MayRemove(other), slices.Contains(may[g], other); got != want {
				t.Errorf("%v removes %v: %v", g, other, got)
			}
		}
	}
}

func TestWhoMayGiveWhichRole(t *testing.T) {
	type step struct{ had, next Group }
	may := map[Group][]step{
		Admin: {{ReadOnly, ReadOnly}, {ReadOnly, Member}, {Member, ReadOnly}, {Member, Member}},
		Owner: {
			{ReadOnly, ReadOnly}, {ReadOnly, Member}, {ReadOnly, Admin}, {ReadOnly, Owner},
			{Member, ReadOnly}, {Member, Member}, {Member, Admin}, {Member, Owner},
			{Admin, ReadOnly}, {Admin, Member}, {Admin, Admin}, {Admin, Owner},
		},
	}
	for _, g := range allGroups {
		for _, had := range allGroups {
			for _, next := range allGroups {
				if got, want := g.MayGive(had, next), slices.Contains(may[g], step{had, next}); got != want {
					t.Errorf("%v makes a %v a %v: %v", g, had, next, got)
				}
			}
		}
	}
}
