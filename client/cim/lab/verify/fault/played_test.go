package fault

import (
	"cmp"
	"testing"
	"time"
)

// With every seed, each fault of a store's form is played within a minute.
func TestEveryFaultHasItsTurnInAMinute(t *testing.T) {
	const seeds = 100
	only := map[string]string{ // faults that one form alone can have
		"redis-kill": "single", "redis-cut": "single", "clock-skew": "single", "store-empty": "single", "store-older": "single",
		"redis-failover": "sentinel", "replica-pause": "sentinel", "redis-cluster-failover": "cluster", "slot-migration": "cluster",
	}
	world := func(c Class) int {
		return cmp.Or(map[Class]int{Nodes: 3, NodeClocks: 3, Routes: 2, RouteClocks: 2, Devices: 118, Files: 39}[c], 1)
	}
	for _, form := range []string{"single", "sentinel", "cluster"} {
		var faults []Fault
		for _, f := range All() {
			if only[f.Name()] == "" || only[f.Name()] == form {
				faults = append(faults, f)
			}
		}
		played := make(map[string]int)
		for seed := range uint64(seeds) {
			seen := make(map[string]bool)
			for _, s := range Plan(seed, time.Minute, faults, world) {
				if !seen[s.Fault.Name()] {
					seen[s.Fault.Name()] = true
					played[s.Fault.Name()]++
				}
			}
		}
		for _, f := range faults {
			if n := played[f.Name()]; n < seeds {
				t.Errorf("%s: %s is planned with %d of %d seeds", form, f.Name(), n, seeds)
			}
		}
	}
}
