package crowd

import (
	"slices"
	"testing"

	"github.com/cim-go/cim/routefn/limit"

	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
)

// Whom the maker of a group adds and removes never comes or goes alone: they are
// added and removed in turn, by the maker alone.
func TestWardsComeAndGoByTheirMakersHand(t *testing.T) {
	const users = 40
	circles := drawCircles(7, users)
	turns := 0
	for user := range users {
		o := newOrders(7, user, user, users, 1)
		o.meet(circles, true)
		o.made(circles)
		in := make(map[ward]bool)
		for range 500 {
			next := o.next()
			if next.change == "" {
				continue
			}
			c := circles[next.group]
			if next.ward < 0 {
				if slices.Contains(c.wards, user) {
					t.Fatalf("user %d changes group %d alone", user, next.group)
				}
				continue
			}
			turns++
			w := ward{next.group, next.ward}
			if c.members[0] != user || !slices.Contains(c.wards, next.ward) || (next.change == ledger.Join) == in[w] {
				t.Fatalf("user %d: a %s of %d in group %d", user, next.change, next.ward, next.group)
			}
			in[w] = !in[w]
		}
	}
	if turns == 0 {
		t.Error("nobody is added")
	}
}

// The crowded belong to as many groups as one may, and to no others.
func TestCrowdedUsersAreInAllTheirGroups(t *testing.T) {
	c := Config{Users: 40, Crowded: true}
	n := c.crowded()
	made := make(map[int]int)
	for _, group := range drawCrowded(c.Users, n) {
		if !slices.Equal(group.members[1:], []int{37, 38, 39}) {
			t.Fatalf("a group has %v", group.members)
		}
		made[group.maker()]++
	}
	for _, group := range drawCircles(1, c.Users-n) {
		made[group.maker()]++
	}
	for user, groups := range made {
		if groups > limit.Default().Groups.Burst || user >= 37 {
			t.Errorf("user %d makes %d groups", user, groups)
		}
	}
	for _, group := range drawCircles(1, c.Users-n) {
		for _, list := range [][]int{group.members, group.guests, group.wards} {
			if slices.ContainsFunc(list, func(user int) bool { return user >= c.Users-n }) {
				t.Fatalf("one of them is in another group: %v", list)
			}
		}
	}
	for _, small := range []Config{{Users: 5, Crowded: true}, {Users: 39, Crowded: true, Limited: true}} {
		if n := small.crowded(); n != 0 {
			t.Errorf("%d of %d", n, small.Users)
		}
	}
}
