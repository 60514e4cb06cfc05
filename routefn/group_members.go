package routefn

import (
	"context"
	"net/http"
	"strconv"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// GroupMembers serves GET /v1/groups/members: a page of a group's members, by
// ascending id, for one of them.
func (rt *Route) GroupMembers(w http.ResponseWriter, r *http.Request) {
	rt.serveCaller(w, r, "group-members", func(ctx context.Context, caller token.Token) (any, error) {
		query := r.URL.Query()
		p, err := parsePage(query)
		if err != nil {
			return nil, err
		}
		group, err := strconv.ParseInt(query.Get("group"), 10, 64)
		if err != nil {
			return nil, invalid("The group is not a group id.")
		}
		if err := checkGroup(group); err != nil {
			return nil, err
		}
		return rt.groupMembers(ctx, caller.User, group, p)
	})
}

func (rt *Route) groupMembers(ctx context.Context, caller, group int64, p page) (*proto.GroupMembersAnswer, error) {
	members, err := rt.cfg.Store.Members(ctx, caller, group, p.after, p.limit)
	if err != nil {
		return nil, err
	}
	answer := &proto.GroupMembersAnswer{Users: make([]proto.User, len(members.Users)), Total: members.Total}
	for i, a := range members.Users {
		answer.Users[i] = proto.User{User: a.User, Name: a.Name}
	}
	if len(answer.Users) == p.limit {
		answer.Next = answer.Users[p.limit-1].User
	}
	return answer, nil
}
