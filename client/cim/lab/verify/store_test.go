package verify

import (
	"maps"
	"slices"
	"testing"

	"github.com/cim-go/cim/client/cim/lab/verify/fault"
)

// Every form of the store is drawn within a few seeds. A fault that needs one form gets
// that form, and every fault that is named here exists.
func TestFormFollowsFaultsAndSeed(t *testing.T) {
	seen := make(map[string]bool)
	for seed := range uint64(10) {
		if got := storeFor(Auto, AckReplica, seed, fault.All()); got == Single {
			t.Error("a single server has to accept on replicas")
		}
		seen[storeFor(Auto, AckPrimary, seed, fault.All())] = true
	}
	if !seen[Single] || !seen[Sentinel] || !seen[Cluster] {
		t.Errorf("ten seeds have %v", slices.Sorted(maps.Keys(seen)))
	}
	for name, form := range needs {
		i := slices.IndexFunc(fault.All(), func(f fault.Fault) bool { return f.Name() == name })
		if i < 0 {
			t.Fatalf("there is no %s", name)
		}
		for seed := range uint64(3) {
			if got := storeFor("", AckPrimary, seed, fault.All()[i:i+1]); got != form {
				t.Errorf("%s alone has %s", name, got)
			}
		}
	}
	if got := storeFor(Cluster, AckPrimary, 0, fault.All()); got != Cluster {
		t.Errorf("asked for a cluster it has %s", got)
	}
}
