package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// Cancel serves POST /v1/cancel: it takes back a delayed message of the caller's.
// The error has the code TooLate once it is being sent, NotScheduled for an id that
// is not known. Cancelling again is no error.
func (rt *Route) Cancel(w http.ResponseWriter, r *http.Request) {
	rt.serveCaller(w, r, "cancel", func(ctx context.Context, caller token.Token) (any, error) {
		var q proto.CancelMessage
		if err := decodeJSON(w, r, rt.cfg.MaxBody, &q); err != nil {
			return nil, err
		}
		if !proto.ValidID(q.ID) {
			return nil, invalid("The id is not that of a message.")
		}
		return proto.CancelAnswer{}, rt.cfg.Store.Cancel(ctx, caller.User, q.ID)
	})
}
