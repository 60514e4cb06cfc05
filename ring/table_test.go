package ring

import (
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestETagIgnoresOnlyLoad(t *testing.T) {
	base := nodes(3)
	etag := NewView(base).ETag()
	changed := slices.Clone(base)
	changed[1].Load = 5
	if NewView(changed).ETag() != etag {
		t.Error("ETag changes with a load")
	}
	for name, change := range map[string]func(*Member){
		"boot":   func(m *Member) { m.Boot++ },
		"client": func(m *Member) { m.Client = "other:1" },
		"tls":    func(m *Member) { m.TLS = true },
		"http":   func(m *Member) { m.HTTP = "other:1" },
		"gossip": func(m *Member) { m.Gossip = "" },
		"zone":   func(m *Member) { m.Zone = "b" },
		"weight": func(m *Member) { m.Weight++ },
		"state":  func(m *Member) { m.State = Draining },
	} {
		changed := slices.Clone(base)
		change(&changed[1])
		if NewView(changed).ETag() == etag {
			t.Errorf("ETag does not change with %s", name)
		}
	}
}

func TestViewFindsMembersInAnyState(t *testing.T) {
	members := nodes(4)
	members[2].State = Joining
	v := NewView(members)
	for _, want := range members {
		if got, ok := v.Member(want.ID); !ok || got != want {
			t.Errorf("%s is %+v, %v", want.ID, got, ok)
		}
	}
	if _, ok := v.Member("node-9"); ok {
		t.Error("a member that is not there is found")
	}
	if v.Ring().Len() != 3 {
		t.Errorf("%d members on the ring, want the 3 that serve", v.Ring().Len())
	}
}

// CIM builds its ring again at every login.
func TestRingIsRebuiltOnlyWhenServingMembersChange(t *testing.T) {
	table := NewTable()
	members := nodes(3)
	table.Set(members)
	ring := table.Current().Ring()
	same := map[string]func(){
		"load":             func() { members[0].Load = 7 },
		"boot":             func() { members[0].Boot++ },
		"address":          func() { members[0].Client = "other:1" },
		"a joining member": func() { members = append(members, Member{ID: "new", Weight: 1}) },
		"order":            func() { slices.Reverse(members) },
	}
	for name, change := range same {
		change()
		table.Set(members)
		if table.Current().Ring() != ring {
			t.Errorf("%s: the ring was rebuilt", name)
		}
	}
	byID := func(id string) *Member { // at its current index
		return &members[slices.IndexFunc(members, func(m Member) bool { return m.ID == id })]
	}
	for name, change := range map[string]func(){
		"weight": func() { byID("node-2").Weight++ },
		"state":  func() { byID("node-1").State = Draining },
	} {
		change()
		table.Set(members)
		if now := table.Current().Ring(); now == ring {
			t.Errorf("%s: the ring was not rebuilt", name)
		} else {
			ring = now
		}
	}
}

// Nodes that start together join one by one, and each change reaches every node.
func TestManyJoinsInARowDivideOneRing(t *testing.T) {
	const joins = 300
	members := nodes(joins)
	table := NewTable()
	var rings []*Ring
	for n := range joins {
		table.Set(members[:n+1])
		view := table.Current()
		if view.Ring().Len() != n+1 || view.Ring().Signature() != NewView(members[:n+1]).Ring().Signature() || view.ETag() == "" {
			t.Fatalf("the ring after %d joins has others on it", n+1)
		}
		rings = append(rings, view.Ring())
	}
	var wg sync.WaitGroup
	first := make([]*int32, 8)
	for i := range first {
		wg.Go(func() {
			Pick(table.Current(), int64(i), "", nil, 0, Policy(i%4))
			first[i] = &table.Current().Ring().owners()[0]
		})
	}
	wg.Wait()
	members[0].Load++
	table.Set(members)
	rings = append(rings, table.Current().Ring())
	if slices.ContainsFunc(first, func(p *int32) bool { return p != &rings[joins].owners()[0] }) {
		t.Error("lookups at the same time, or after a load, divided a ring each")
	}
	if n := len(slices.DeleteFunc(rings[:joins], func(r *Ring) bool { return r.divided == nil })); n != 1 {
		t.Errorf("%d rings were divided, want the last alone", n)
	}
}

func TestLookupAfterSetHasTheNewMembersAndWaitsForNoOtherRing(t *testing.T) {
	table := NewTable()
	table.Set(nodes(2))
	old := table.Current()
	dividing, release, divided := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(divided)
		old.Ring().divide.Do(func() {
			close(dividing)
			<-release
			old.Ring().divided = claim(old.Ring().claimants)
		})
	}()
	select {
	case <-dividing: // until the end of the test
	case <-divided:
		t.Fatal("a ring was divided before anybody looked up")
	}
	late := make(chan string)
	go func() { owner, _ := old.Ring().Owner(7); late <- owner }()
	for n := 3; n < 6; n++ {
		members := nodes(n)[2:] // none of the old ones
		table.Set(members)
		fresh := New(members)
		for user := range int64(20) {
			want, _ := fresh.Owner(user)
			if owner, _ := table.Current().Ring().Owner(user); owner != want {
				t.Fatalf("user %d of %d new members belongs to %q, want %q", user, n-2, owner, want)
			}
		}
	}
	close(release)
	if want, _ := New(nodes(2)).Owner(7); <-late != want {
		t.Error("a lookup in the old view did not return the old view's owner")
	}
}

func TestWatchersSeeEveryChangeAndNothingElse(t *testing.T) {
	table := NewTable()
	members := nodes(2)
	view, replaced := table.Watch()
	if len(view.Members()) != 0 {
		t.Errorf("a new table has members %v", view.Members())
	}
	table.Set(members)
	<-replaced
	view, replaced = table.Watch()
	if len(view.Members()) != 2 {
		t.Errorf("watched view has members %v", view.Members())
	}
	table.Set(slices.Clone(members))
	select {
	case <-replaced:
		t.Error("equal members are reported as a change")
	default:
	}
	members[0].Load = 1
	if table.Current().Members()[0].Load != 0 {
		t.Error("the table kept the caller's slice")
	}
	table.Set(members)
	<-replaced
}

func TestTableIsSafeForConcurrentUse(t *testing.T) {
	table := NewTable()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			members := nodes(3)
			for load := range 50 {
				members[i%3].Load = load
				table.Set(members)
			}
		})
		wg.Go(func() {
			for user := range int64(200) {
				if v, _ := table.Watch(); v.Ring().Len() > 0 {
					Pick(v, user, "node-1", nil, uint64(user), HashLoop)
				}
			}
		})
	}
	wg.Wait()
}

func TestReusedRingIsTheOneThatWouldBeBuilt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := nodes(rapid.IntRange(0, 3).Draw(t, "n"))
		table := NewTable()
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			for i := range members {
				members[i].State = State(rapid.IntRange(0, 2).Draw(t, "state"))
				members[i].Load = rapid.IntRange(0, 9).Draw(t, "load")
			}
			table.Set(members)
		}
		got, want := table.Current(), NewView(members)
		if Moved(got.Ring(), want.Ring()) != 0 || !slices.Equal(got.open, want.open) || !slices.Equal(got.at, want.at) {
			t.Fatalf("view after changes differs from a new one of %v", members)
		}
	})
}

func TestLoadIntervalKeepsTheClusterQuiet(t *testing.T) {
	for members, want := range map[int]time.Duration{1: 2 * time.Second, 8: 2 * time.Second, 100: 25 * time.Second, 1000: 250 * time.Second} {
		if got := LoadInterval(members); got != want {
			t.Errorf("%d members: every %v, want %v", members, got, want)
		}
	}
}

// BenchmarkJoins measures what 300 joins in a row cost each node, with the calls that
// gossip makes after each join.
func BenchmarkJoins(b *testing.B) {
	members := nodes(300)
	for b.Loop() {
		table := NewTable()
		for n := range members {
			table.Set(members[:n+1])
			table.Current().Ring().Signature()
		}
	}
}

// BenchmarkChange measures a change of members and the first lookup after it.
func BenchmarkChange(b *testing.B) {
	members := nodes(100)
	table := NewTable()
	for i := 0; b.Loop(); i++ {
		table.Set(members[i%2:])
		table.Current().Ring().Owner(int64(i))
	}
}
