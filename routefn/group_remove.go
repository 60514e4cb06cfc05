package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
)

// GroupRemove serves POST /v1/groups/remove: it ends the membership of another user
// in a group that the caller made, and keeps him from joining by himself.
func (rt *Route) GroupRemove(w http.ResponseWriter, r *http.Request) {
	rt.serve(w, r, "group-remove", jsonFormat, func(ctx context.Context) (any, error) {
		caller, err := rt.caller(r)
		if err != nil {
			return nil, err
		}
		var q proto.RemoveMember
		if err := decodeJSON(w, r, rt.cfg.MaxBody, &q); err != nil {
			return nil, err
		}
		return proto.RemovedMember{}, rt.changeOther(ctx, caller, q.Group, q.User, true)
	})
}
