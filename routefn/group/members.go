package group

import (
	"context"
	"net/url"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
)

// Members is GET /v1/groups/members. It returns a page of a group's members, by
// ascending id. The caller must be one of them.
func (g *Requests) Members(ctx context.Context, caller token.Token, q url.Values) (*proto.GroupMembersAnswer, error) {
	page, err := check.ParsePage(q)
	if err != nil {
		return nil, err
	}
	group, err := proto.ParseNumber(q.Get("group"))
	if err != nil {
		return nil, check.Invalid("The group is not a group id.")
	}
	if err := check.Group(group); err != nil {
		return nil, err
	}
	members, err := g.Store.Members(ctx, caller.User, group, page.After, page.Limit)
	if err != nil {
		return nil, err
	}
	answer := &proto.GroupMembersAnswer{Users: make([]proto.User, len(members.Users)), Total: members.Total}
	for i, a := range members.Users {
		answer.Users[i] = proto.User{User: a.User, Name: a.Name, Role: members.Roles[i].String()}
	}
	if len(answer.Users) == page.Limit {
		answer.Next = answer.Users[page.Limit-1].User
	}
	return answer, nil
}
