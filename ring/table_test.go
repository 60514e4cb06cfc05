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

// CIM built its ring anew on every login.
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
	byID := func(id string) *Member { // wherever it stands now
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
		t.Error("equal members are told as a change")
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
