package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// GroupRemove serves POST /v1/groups/remove: it ends the membership of another user
// in a group that the caller made, and keeps him from joining by himself.
func (rt *Route) GroupRemove(w http.ResponseWriter, r *http.Request) {
	rt.serveCaller(w, r, "group-remove", func(ctx context.Context, caller token.Token) (any, error) {
		var q proto.RemoveMember
		if err := decodeJSON(w, r, rt.cfg.MaxBody, &q); err != nil {
			return nil, err
		}
		return proto.RemovedMember{}, rt.changeOther(ctx, caller, q.Group, q.User, true)
	})
}
