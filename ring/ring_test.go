package ring

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// node returns a valid serving member with an id.
func node(id string) Member {
	return Member{
		ID: id, Boot: hashString(id), Client: id + ".example.com:11211", HTTP: "10.0.0.1:8081",
		Gossip: "10.0.0.1:7946", Zone: "a", Weight: 1, State: Serving,
	}
}

func nodes(n int) []Member {
	members := make([]Member, n)
	for i := range members {
		members[i] = node(fmt.Sprintf("node-%d", i))
	}
	return members
}

// These are the owners of the first release. If they change, a cluster that runs two
// versions has two different rings.
func TestOwnersAreGolden(t *testing.T) {
	members := nodes(5)
	members[3].Weight = 4
	r := New(members)
	want := map[int64]string{
		0: "node-0", 1: "node-3", 2: "node-3", 3: "node-0",
		1547028929407: "node-3", 1<<53 - 1: "node-3", -1: "node-1",
	}
	got := make(map[int64]string)
	for user := range want {
		got[user], _ = r.Owner(user)
	}
	if !maps.Equal(got, want) {
		t.Errorf("owners are %v, want %v", got, want)
	}
	if got, want := r.Signature(), uint64(0x2568dadbb6483269); got != want {
		t.Errorf("signature is %#x, want %#x", got, want)
	}
}

func TestEmptyRingOwnsNobody(t *testing.T) {
	for name, r := range map[string]*Ring{"nil": nil, "empty": New(nil)} {
		if id, ok := r.Owner(1); ok {
			t.Errorf("%s: owner of 1 is %q", name, id)
		}
		if len(r.Shares()) != 0 || r.Len() != 0 || r.Signature() != New(nil).Signature() {
			t.Errorf("%s: is not empty", name)
		}
	}
	if Moved(nil, nil) != 0 || Moved(nil, New(nodes(1))) != 1 || Moved(New(nodes(1)), nil) != 1 {
		t.Error("an empty ring does not move everybody or nobody")
	}
}

func TestOrderAndDuplicatesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := drawMembers(t, 1, 12)
		twin := members[0]
		twin.Weight++
		members = append(members, twin, members[0])
		shuffled := rapid.Permutation(members).Draw(t, "shuffled")
		va, vb := NewView(members), NewView(shuffled)
		if va.ETag() != vb.ETag() || !slices.Equal(va.Members(), vb.Members()) {
			t.Fatalf("%v and %v give two views", members, shuffled)
		}
		if a, b := va.Ring(), vb.Ring(); Moved(a, b) != 0 || a.Signature() != b.Signature() || !slices.Equal(a.owners(), b.owners()) {
			t.Fatalf("%v and %v give two rings", members, shuffled)
		}
	})
}

// drawMembers draws serving members with distinct ids and some weight.
func drawMembers(t *rapid.T, least, most int) []Member {
	ids := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9.-]{1,12}`), least, most, rapid.ID).Draw(t, "ids")
	members := make([]Member, len(ids))
	for i, id := range ids {
		members[i] = node(id)
		members[i].Weight = rapid.IntRange(1, 20).Draw(t, "weight")
	}
	return members
}

// CIM moves most users when a server joins or leaves, and one of its releases sent all
// users to the last server. Here a member that joins takes its share, and no other user
// moves. When it leaves, only its own users move.
func TestOwnerChangeMovesOneShareToTheJoiner(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 7, 10, 20, 50, 100, 300, 1000} {
		with := nodes(n)
		joiner := with[rand.IntN(n)].ID
		without := slices.DeleteFunc(slices.Clone(with), func(m Member) bool { return m.ID == joiner })
		before, after := New(without), New(with)
		for arc, owner := range after.owners() {
			if id := after.ids[owner]; id != joiner && before.ids[before.owners()[arc]] != id {
				t.Fatalf("%d members: arc %d moved to %s, which did not join", n, arc, id)
			}
		}
		if moved, most := Moved(before, after), 1/float64(n)+0.01; moved > most {
			t.Errorf("%d members: %.4f of the users moved, want at most %.4f", n, moved, most)
		}
		if moved := Moved(before, after); moved != Moved(after, before) || n > 1 && moved != after.Shares()[joiner] {
			t.Errorf("%d members: what moved (%.4f) is not the joiner's share", n, moved)
		}
	}
}

func TestOwnerChangeWithWeightsMovesOnlyTheJoinersUsers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := drawMembers(t, 2, 8)
		before, after := New(members[1:]), New(members)
		share := float64(members[0].Weight) / float64(totalWeight(members))
		moved := Moved(before, after)
		if moved != after.Shares()[members[0].ID] || moved > share+0.01 {
			t.Fatalf("%.4f of the users moved, want the joiner's share %.4f", moved, share)
		}
	})
}

func totalWeight(members []Member) (sum int) {
	for _, m := range members {
		sum += m.Weight
	}
	return sum
}

// In CIM, one server of four got half the users.
func TestSharesAreEven(t *testing.T) {
	for n, most := range map[int]float64{2: 1.01, 4: 1.02, 20: 1.04, 100: 1.08, 1000: 1.3} {
		for id, share := range New(nodes(n)).Shares() {
			if times := share * float64(n); times > most || times < 2-most {
				t.Errorf("%s of %d holds %.3f times its share, want at most %.2f", id, n, times, most)
			}
		}
	}
}

func TestSharesFollowWeights(t *testing.T) {
	members := nodes(40)
	for i := range members {
		members[i].Weight = []int{1, 2, 10, 1000, 1001}[i%5] // no round is even
	}
	total := float64(totalWeight(members))
	got := make(map[int]float64)
	shares := New(members).Shares()
	for _, m := range members {
		got[m.Weight] += shares[m.ID]
	}
	for weight, share := range got {
		want := 8 * float64(weight) / total
		if sd := 3.5 * math.Sqrt(want/arcs); share < want-sd || share > want+sd {
			t.Errorf("weight %d: share %.5f, want %.5f +- %.5f", weight, share, want, sd)
		}
	}
}

func TestExtremeWeightsBuild(t *testing.T) {
	members := nodes(3)
	members[0].Weight, members[1].Weight = MaxWeight, MaxWeight
	shares := New(members).Shares()
	if s := shares["node-0"]; s < 0.495 || s > 0.505 {
		t.Errorf("share of one of two large members is %.4f", s)
	}
	if s := New(members[:1]).Shares()["node-0"]; s < 0.9999 {
		t.Errorf("a lone member has a share of %v", s)
	}
}

func TestNextWalksOverEveryMember(t *testing.T) {
	r := New(nodes(100))
	owner, _ := r.Owner(7)
	heirs := make(map[int32]int)
	for user := range int64(100_000) {
		if id, _ := r.Owner(user); id == owner {
			heirs[r.next(user, func(i int32) bool { return r.ids[i] != owner })]++
		}
	}
	if len(heirs) != 99 {
		t.Errorf("the users of a closed member went to %d members, want all 99", len(heirs))
	}
	if got := r.next(7, func(int32) bool { return false }); got != -1 {
		t.Errorf("next with nobody acceptable is %d, want -1", got)
	}
}

// The owners must not depend on the width of claim's windows: the first claim of an arc
// wins.
func TestFirstClaimOfAnArcWins(t *testing.T) {
	for _, weights := range [][]int{{1}, {1, 1}, {3, 1, 7, 7, 20, 2}, {1, MaxWeight}} {
		members := nodes(len(weights))
		for i, weight := range weights {
			members[i].Weight = weight
		}
		r := New(members)
		first := make([]uint64, arcs)
		want := make([]int32, arcs)
		for i, id := range r.ids {
			at := slices.IndexFunc(members, func(m Member) bool { return m.ID == id })
			horizon := roundTime / uint64(totalWeight(members)) * arcs * 20 // all arcs are claimed after about 13
			for c := newClaimant(members[at]); c.at < horizon; c.at, c.seq = c.at+c.step, c.seq+golden {
				arc := mix(c.seq) >> (64 - arcBits)
				if first[arc] == 0 || c.at+1 < first[arc] { // 0: not claimed yet
					first[arc], want[arc] = c.at+1, int32(i)
				}
			}
		}
		if slices.Contains(first, 0) || !slices.Equal(r.owners(), want) {
			t.Errorf("weights %v: arcs do not belong to their first claimants", weights)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("members=%d", n), func(b *testing.B) {
			members := nodes(n)
			b.ReportAllocs()
			for b.Loop() {
				New(members).owners()
			}
		})
	}
	b.Run("members=1000/weights", func(b *testing.B) {
		members := nodes(1000)
		for i := range members {
			members[i].Weight = 1 + i
		}
		for b.Loop() {
			New(members).owners()
		}
	})
}

func BenchmarkOwner(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("members=%d", n), func(b *testing.B) {
			r := New(nodes(n))
			b.ReportAllocs()
			user := int64(0)
			for b.Loop() {
				r.Owner(user)
				user++
			}
		})
	}
}
