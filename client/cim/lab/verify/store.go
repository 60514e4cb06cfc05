package verify

import (
	"slices"

	"github.com/cim-go/cim/client/cim/lab/verify/fault"
	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
)

// The forms of the store.
const (
	Auto     = "auto"     // the form that the faults need; if several forms are possible, the seed chooses
	Single   = "single"   // one redis-server
	Sentinel = "sentinel" // a primary with replicas, and Sentinels
	Cluster  = "cluster"  // a Redis Cluster with replicas
)

// Stores has all forms.
var Stores = []string{Auto, Single, Sentinel, Cluster}

// The conditions on which routes accept a message. It must be stored on the primary, or
// also on a replica.
const (
	AckPrimary = "primary"
	AckReplica = ledger.AckReplica
)

// spawned has the names of the forms in package up.
var spawned = map[string]string{Single: "persist", Sentinel: "sentinel", Cluster: "cluster"}

// needs names the form of the store for each fault that only one form can have.
var needs = map[string]string{
	"redis-kill": Single, "redis-cut": Single, "clock-skew": Single, "store-empty": Single, "store-older": Single,
	"redis-failover": Sentinel, "replica-pause": Sentinel, "redis-cluster-failover": Cluster, "slot-migration": Cluster,
}

// storeFor returns the form of the store for a run with these faults. If the parameter ack
// is AckReplica, the form must have replicas.
func storeFor(form, ack string, seed uint64, faults []fault.Fault) string {
	if form != Auto && form != "" {
		return form
	}
	var wanted []string
	for _, f := range faults {
		if form := needs[f.Name()]; form != "" && (form != Single || ack != AckReplica) && !slices.Contains(wanted, form) {
			wanted = append(wanted, form)
		}
	}
	switch {
	case len(wanted) == 0 && ack == AckReplica:
		return Sentinel
	case len(wanted) == 0:
		return Single
	}
	return wanted[seed%uint64(len(wanted))]
}
