package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
)

// NodeKeys serves GET /node/keys: what nodes verify tickets with.
func (rt *Route) NodeKeys(w http.ResponseWriter, r *http.Request) {
	rt.serve(w, r, "node-keys", jsonFormat, func(context.Context) (any, error) {
		if err := rt.fromNode(r); err != nil {
			return nil, err
		}
		return proto.KeysAnswer{Tickets: [][]byte{rt.cfg.Issuer.Public()}}, nil
	})
}
