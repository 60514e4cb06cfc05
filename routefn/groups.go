package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// Groups serves GET /v1/groups: the groups that the caller belongs to.
func (rt *Route) Groups(w http.ResponseWriter, r *http.Request) {
	rt.serveCaller(w, r, "groups", func(ctx context.Context, caller token.Token) (any, error) {
		groups, err := rt.cfg.Store.Groups(ctx, caller.User)
		if err != nil {
			return nil, err
		}
		answer := proto.GroupsAnswer{Groups: make([]proto.Group, len(groups))} // never null in JSON
		for i, g := range groups {
			answer.Groups[i] = proto.Group{Group: g.Group, Name: g.Name, Members: g.Members, Creator: g.Creator}
		}
		return answer, nil
	})
}
