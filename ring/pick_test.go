package ring

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var policies = []Policy{HashLoop, Hash, Loop, Random}

// views returns a view of n members. The tests share them, because the race detector
// makes it slow to divide a ring.
var views = func() func(n int) *View {
	made := make(map[int]*View)
	return func(n int) *View {
		if made[n] == nil {
			members := nodes(n)
			for i := range members {
				members[i].Weight = 1 + i%3
			}
			made[n] = NewView(members)
		}
		return made[n]
	}
}()

var sizes = rapid.SampledFrom([]int{1, 2, 3, 10, 100, 1000})

// drawView draws a view with exact loads.
func drawView(t *rapid.T) *View {
	v := views(sizes.Draw(t, "members"))
	loads := make(map[string]int64)
	seed, spread := rapid.Uint64().Draw(t, "seed"), rapid.Uint64Range(1, 50).Draw(t, "spread")
	for i, m := range v.Members() {
		loads[m.ID] = int64(mix(seed+uint64(i)) % spread)
	}
	return v.WithLoads(loads)
}

func drawIDs(t *rapid.T, v *View, label string) []string {
	var ids []string
	for range rapid.IntRange(0, 4).Draw(t, label) {
		ids = append(ids, fmt.Sprintf("node-%d", rapid.IntRange(0, len(v.Members())).Draw(t, label)))
	}
	return ids
}

func TestSameArgumentsSameAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawView(t)
		user, i := rapid.Int64().Draw(t, "user"), rapid.Uint64().Draw(t, "i")
		avoid := drawIDs(t, v, "avoid")
		backwards := slices.Clone(avoid)
		slices.Reverse(backwards)
		for _, p := range policies {
			a, okA := Pick(v, user, "node-1", avoid, i, p)
			b, okB := Pick(v, user, "node-1", append(backwards, backwards...), i, p)
			if a != b || okA != okB || !okA {
				t.Fatalf("%v: %s, %v and then %s, %v", p, a.ID, okA, b.ID, okB)
			}
		}
	})
}

// It compares Pick with its definition, written out member by member.
func TestPickFollowsItsSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawView(t)
		user, i := rapid.Int64().Draw(t, "user"), rapid.Uint64().Draw(t, "i")
		avoid, last := drawIDs(t, v, "avoid"), fmt.Sprintf("node-%d", rapid.IntRange(0, 12).Draw(t, "last"))
		candidates := plainCandidates(v, avoid)

		got, _ := Pick(v, user, last, avoid, i, HashLoop)
		want := candidates[i%uint64(len(candidates))]
		if owner, _ := v.Ring().Owner(user); slices.Contains(candidates, owner) {
			want = owner
		} else if slices.Contains(candidates, last) {
			want = last
		}
		if got.ID != want {
			t.Fatalf("hash+loop took %s of %q, want %s", got.ID, candidates, want)
		}
		if got, _ := Pick(v, user, last, avoid, i, Loop); got.ID != candidates[i%uint64(len(candidates))] {
			t.Fatalf("loop took %s, not number %d of %q", got.ID, i, candidates)
		}
		for _, p := range policies {
			if got, _ := Pick(v, user, last, avoid, i, p); !slices.Contains(candidates, got.ID) {
				t.Fatalf("%v took %s, want one of %q", p, got.ID, candidates)
			}
		}
	})
}

// plainCandidates returns the ids that Pick may return, in ring order.
func plainCandidates(v *View, avoid []string) []string {
	var open, all []string
	for i, id := range v.ring.ids {
		if slices.Contains(avoid, id) {
			continue
		}
		all = append(all, id)
		if slices.Contains(v.open, int32(i)) {
			open = append(open, id)
		}
	}
	switch {
	case len(open) > 0:
		return open
	case len(all) > 0:
		return all
	}
	return v.ring.ids
}

func TestExactLoadsNeverExceedTheBound(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 100, 1000} {
		for _, p := range policies {
			v, loads, placed := views(n), make(map[string]int64), 0
			weights := int64(totalWeight(v.Members()))
			for user := range int64(min(3000, 60*n)) {
				m, _ := Pick(v.WithLoads(loads), user, "node-0", nil, uint64(user), p)
				loads[m.ID]++
				placed++
				// ceil(C * mean * weight) with this user counted, by hand.
				most := (5*int64(placed)*int64(m.Weight) + 4*weights - 1) / (4 * weights)
				if loads[m.ID] > most {
					t.Fatalf("%d members, %v: %s has %d of %d users, want at most %d", n, p, m.ID, loads[m.ID], placed, most)
				}
			}
		}
	}
}

func TestLoopSpreadsOverflowEvenly(t *testing.T) {
	for _, n := range []int{2, 3, 10, 100} {
		v := NewView(nodes(n))
		owner, _ := v.Ring().Owner(1)
		full := v.WithLoads(map[string]int64{owner: 1000})
		got := make(map[string]int)
		rounds := 7
		for i := range uint64(rounds * (n - 1)) {
			m, _ := Pick(full, 1, "", nil, 12345+i, HashLoop)
			got[m.ID]++
		}
		for id, times := range got {
			if times != rounds || id == owner {
				t.Errorf("%d members: %s got %d of the overflow, want %d", n, id, times, rounds)
			}
		}
	}
}

func TestLastIsKeptWhileOpen(t *testing.T) {
	v := NewView(nodes(10))
	owner, _ := v.Ring().Owner(1)
	last := v.ring.ids[(v.ring.index[owner]+1)%10]
	full := v.WithLoads(map[string]int64{owner: 1000})
	for i := range uint64(20) {
		if m, _ := Pick(full, 1, last, nil, i, HashLoop); m.ID != last {
			t.Errorf("i = %d: landed on %s, want the last one, %s", i, m.ID, last)
		}
		if m, _ := Pick(v, 1, last, nil, i, HashLoop); m.ID != owner {
			t.Errorf("i = %d: landed on %s, want the owner, %s", i, m.ID, owner)
		}
	}
}

func TestAvoidedMembersAreTheLastResort(t *testing.T) {
	members := nodes(3)
	members[2].State = Draining
	v := NewView(members)
	avoid := []string{"node-0", "node-0", "node-7"}
	for i := range uint64(10) {
		for _, p := range policies {
			if m, ok := Pick(v, int64(i), "node-0", avoid, i, p); !ok || m.ID != "node-1" {
				t.Errorf("%v: landed on %s, want the one that is not avoided and serves", p, m.ID)
			}
			if m, ok := Pick(v, int64(i), "", []string{"node-1", "node-0"}, i, p); !ok || m.State != Serving {
				t.Errorf("%v: all avoided: landed on %+v", p, m)
			}
		}
	}
	if _, ok := Pick(NewView(members[2:]), 1, "", nil, 0, HashLoop); ok {
		t.Error("landed on a draining member")
	}
}

func TestToldLoadsCloseOnlyTheFull(t *testing.T) {
	for name, c := range map[string]struct {
		loads []int
		open  int
	}{
		"all idle":              {[]int{0, 0, 0, 0}, 4},
		"on a step":             {[]int{0, 1, 0, 1}, 4},
		"on a higher step":      {[]int{3, 4, 3, 4}, 4},
		"all full":              {[]int{8, 8, 8, 8}, 4},
		"one has twice as much": {[]int{6, 3, 3, 3}, 3},
		"two are full":          {[]int{8, 8, 2, 2}, 2},
	} {
		members := nodes(len(c.loads))
		for i, load := range c.loads {
			members[i].Load, members[i].Weight = load, 1000
		}
		if open := len(NewView(members).open); open != c.open {
			t.Errorf("%s: %d open, want %d", name, open, c.open)
		}
	}
}

func TestPolicyNamesParse(t *testing.T) {
	for _, p := range policies {
		if got, err := ParsePolicy(p.String()); err != nil || got != p {
			t.Errorf("%v is read as %v, %v", p, got, err)
		}
	}
	if _, err := ParsePolicy("modulo"); err == nil {
		t.Error("an unknown policy is read")
	}
}

func TestLookupsDoNotAllocate(t *testing.T) {
	v := views(100)
	for _, p := range policies {
		if n := testing.AllocsPerRun(100, func() { Pick(v, 42, "node-3", nil, 7, p) }); n != 0 {
			t.Errorf("Pick %v allocates %v times", p, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { v.Ring().Owner(42) }); n != 0 {
		t.Errorf("Owner allocates %v times", n)
	}
}

func BenchmarkPick(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("members=%d", n), func(b *testing.B) {
			v := views(n)
			b.ReportAllocs()
			i := uint64(0)
			for b.Loop() {
				Pick(v, int64(i), "node-3", nil, i, HashLoop)
				i++
			}
		})
	}
}
