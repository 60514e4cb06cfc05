package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/record"
)

// GroupJoin serves POST /v1/groups/join: it makes the caller a member of a group
// whose id he knows. The nodes that hold him are told at once.
func (rt *Route) GroupJoin(w http.ResponseWriter, r *http.Request) {
	rt.serveCaller(w, r, "group-join", func(ctx context.Context, caller token.Token) (any, error) {
		var q proto.JoinGroup
		if err := decodeJSON(w, r, rt.cfg.MaxBody, &q); err != nil {
			return nil, err
		}
		if err := checkGroup(q.Group); err != nil {
			return nil, err
		}
		change := record.Change{User: caller.User, Name: caller.Name, Group: q.Group}
		return proto.JoinedGroup(q), rt.changeGroup(ctx, change)
	})
}
