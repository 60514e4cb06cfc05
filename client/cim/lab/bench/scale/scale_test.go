package scale

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/ring/gossip"
)

// The model agrees with memberlist for small clusters. Package gossip measures that a
// dead node is known within 4 s.
func TestADeathIsKnownAsSoonAsMemberlistTells(t *testing.T) {
	for _, n := range []int{3, 10} {
		if c := Converge(n, 0, 21, 1); c.Dead < 1500*time.Millisecond || c.Dead > 4*time.Second {
			t.Errorf("of %d members a death is known after %v", n, c.Dead)
		}
	}
}

func TestNewsReachesEverybodyWhateverIsLost(t *testing.T) {
	for _, loss := range []float64{0, 0.3, 1} { // all lost: exchanges are left
		c := cluster{gossip.DefaultTimers(), 200, loss, rand.New(rand.NewPCG(1, 2))}
		known := c.spread()
		if slices.Contains(known, never) || slices.Index(known, 0) < 0 {
			t.Errorf("loss %v: somebody never knows, or nobody knew first", loss)
		}
		last := slices.Max(known)
		if fast := last < 5*time.Second; fast != (loss < 1) {
			t.Errorf("loss %v: the last knows after %v", loss, last)
		}
	}
}

func TestMoreMembersAndMoreLossTakeLonger(t *testing.T) {
	few, many, lossy := Converge(10, 0, 9, 1), Converge(1000, 0, 9, 1), Converge(1000, 0.3, 9, 1)
	if few.Half >= many.Half || many.Half >= lossy.Half || few.Packets != 8 || many.Packets != 16 {
		t.Errorf("%+v\n%+v\n%+v", few, many, lossy)
	}
}

func TestLandingIsBoundedAndMovesLittle(t *testing.T) {
	const users = 50_000
	for _, members := range []int{3, 100} {
		b := Rings(members, users)
		// A hundredth of the users lands between two tellings of the loads.
		if b.Landed > ring.C+0.05 || b.Home < 0.95 {
			t.Errorf("%d members: %+v", members, b)
		}
		if math.Abs(b.Join-b.Fair) > 0.01 {
			t.Errorf("%d members: a join moves %v, its share is %v", members, b.Join, b.Fair)
		}
	}
}

func TestAGroupTouchesFewNodesOrItsMembers(t *testing.T) {
	if one := Touched(1, 1000); one != 1 {
		t.Error(one)
	}
	if few := Touched(10, 1000); math.Abs(few-10) > 0.01 {
		t.Error(few)
	}
	if many := Touched(1_000_000, 1000); many > 1000 || many < 999 {
		t.Error(many)
	}
}

func TestCostsComeFromAReport(t *testing.T) {
	r := &bench.Report{Loads: []bench.Table{{Name: "pairs, closed", Forms: []bench.Column{
		{Form: bench.Apart, Figures: []bench.Series{{Name: "  of route", Median: 5}}},
		{Form: bench.Together, Figures: []bench.Series{{Name: "  of redis-server", Median: 7}}},
	}}}}
	want := DefaultCosts
	want.Route = 5
	if got := CostsOf(r); got != want {
		t.Errorf("%+v", got)
	}
	want.Node, want.Connection = 50, 1000
	m := Machine{Cores: 4, Memory: 16e9, Use: 0.5, Most: 100_000}
	one, ten := Carry(1, want, m), Carry(10, want, m)
	if one.Connections != 100_000 || one.Messages != 40_000 || ten.Messages != 400_000 {
		t.Errorf("%+v\n%+v", one, ten)
	}
	var b strings.Builder
	if err := (&Report{Costs: want, Machine: m, Carried: []Carried{one, ten}}).Print(&b); err != nil || !strings.Contains(b.String(), " 1 M ") {
		t.Errorf("%v\n%s", err, b.String())
	}
}
