package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
)

// GroupAdd serves POST /v1/groups/add: it makes another user a member of a group
// that the caller made, also one whom he removed.
func (rt *Route) GroupAdd(w http.ResponseWriter, r *http.Request) {
	rt.serve(w, r, "group-add", jsonFormat, func(ctx context.Context) (any, error) {
		caller, err := rt.caller(r)
		if err != nil {
			return nil, err
		}
		var q proto.AddMember
		if err := decodeJSON(w, r, rt.cfg.MaxBody, &q); err != nil {
			return nil, err
		}
		return proto.AddedMember{}, rt.changeOther(ctx, caller, q.Group, q.User, false)
	})
}
