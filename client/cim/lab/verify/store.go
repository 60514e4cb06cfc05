package verify

import (
	"slices"

	"github.com/cim-go/cim/client/cim/lab/verify/fault"
	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
)

// The forms of the store.
const (
	Auto     = "auto"     // what the faults need; the seed chooses among several
	Single   = "single"   // one redis-server
	Sentinel = "sentinel" // a primary with replicas, and Sentinels
	Cluster  = "cluster"  // a Redis Cluster with replicas
)

// Stores are all forms.
var Stores = []string{Auto, Single, Sentinel, Cluster}

// When routes call a message accepted: when it is stored on the primary, or on a
// replica, too.
const (
	AckPrimary = "primary"
	AckReplica = ledger.AckReplica
)

// spawned is what package up calls the forms.
var spawned = map[string]string{Single: "persist", Sentinel: "sentinel", Cluster: "cluster"}

// needs are the faults that only one form can have.
var needs = map[string]string{
	"redis-kill": Single, "redis-cut": Single, "clock-skew": Single, "store-empty": Single, "store-older": Single,
	"redis-failover": Sentinel, "replica-pause": Sentinel, "redis-cluster-failover": Cluster, "slot-migration": Cluster,
}

// storeFor returns the form that a run with these faults has. Replicas are needed
// to accept on them.
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
