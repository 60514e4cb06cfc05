package node

import (
	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/proto"
)

// holder gives a reconciler the sessions in the hub. If proofs is true, the proofs of
// sessions expire. Then holder adds them, so that a route renews them.
type holder struct {
	*hub.Hub[*session]
	proofs bool
}

// Held implements report.Holder.
func (h holder) Held(shard int, list []*proto.Held) []*proto.Held {
	from := len(list)
	list = h.Hub.Held(shard, list)
	if !h.proofs {
		return list
	}
	for _, held := range list[from:] {
		if s, ok := h.Find(held.User, held.Device, held.Number); ok && s.catchUp == nil {
			held.Name, held.Proof = s.entry.Name(), s.proof.Load()[:]
		}
	}
	return list
}
