package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/record"
)

// GroupLeave serves POST /v1/groups/leave: it ends the caller's membership.
func (rt *Route) GroupLeave(w http.ResponseWriter, r *http.Request) {
	rt.serveCaller(w, r, "group-leave", func(ctx context.Context, caller token.Token) (any, error) {
		var q proto.LeaveGroup
		if err := decodeJSON(w, r, rt.cfg.MaxBody, &q); err != nil {
			return nil, err
		}
		if err := checkGroup(q.Group); err != nil {
			return nil, err
		}
		change := record.Change{User: caller.User, Name: caller.Name, Group: q.Group, Leave: true}
		return proto.LeftGroup{}, rt.changeGroup(ctx, change)
	})
}
