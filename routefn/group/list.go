package group

import (
	"context"
	"net/url"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// List is GET /v1/groups. It returns the groups of the caller.
func (g *Requests) List(ctx context.Context, caller token.Token, _ url.Values) (proto.GroupsAnswer, error) {
	groups, err := g.Store.Groups(ctx, caller.User)
	if err != nil {
		return proto.GroupsAnswer{}, err
	}
	answer := proto.GroupsAnswer{Groups: make([]proto.Group, len(groups))} // not nil, so that JSON has an empty list and not null
	for i, one := range groups {
		answer.Groups[i] = proto.Group{Group: one.Group, Name: one.Name, Members: one.Members, Creator: one.Creator, Owner: one.Owner, Role: one.Role.String()}
	}
	return answer, nil
}
