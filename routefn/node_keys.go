package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
)

// NodeKeys serves GET /node/keys: what nodes verify tickets with. They ask when they
// start; later they are told with the answers of NodeFire.
func (rt *Route) NodeKeys(w http.ResponseWriter, r *http.Request) {
	rt.serve(w, r, "node-keys", jsonFormat, func(context.Context) (any, error) {
		if err := rt.fromNode(r); err != nil {
			return nil, err
		}
		if rt.keeper.keyed {
			if err := rt.keeper.look(); err != nil {
				return nil, err
			}
		}
		return proto.KeysAnswer{Tickets: rt.ticketKeys()}, nil
	})
}

func (rt *Route) ticketKeys() [][]byte {
	var keys [][]byte
	for _, key := range rt.cfg.Issuer.Public() {
		keys = append(keys, key)
	}
	return keys
}
