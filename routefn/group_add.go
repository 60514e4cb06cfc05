package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// GroupAdd serves POST /v1/groups/add: it makes another user a member of a group
// that the caller made, also one whom he removed.
func (rt *Route) GroupAdd(w http.ResponseWriter, r *http.Request) {
	rt.serveCaller(w, r, "group-add", func(ctx context.Context, caller token.Token) (any, error) {
		var q proto.AddMember
		if err := decodeJSON(w, r, rt.cfg.MaxBody, &q); err != nil {
			return nil, err
		}
		return proto.AddedMember{}, rt.changeOther(ctx, caller, q.Group, q.User, false)
	})
}
