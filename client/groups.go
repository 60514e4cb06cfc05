package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/cim-go/cim/proto"
)

// Group is a group that the user belongs to.
type Group = proto.Group

// CreatedGroup is a new group, and who of those invited is no member of it.
type CreatedGroup = proto.CreatedGroup

// MembersPage is one page of a group's members, by ascending id.
type MembersPage = proto.GroupMembersAnswer

// CreateGroup makes a group of the user and of the members, who belong to it at
// once. The name may be empty and need not be unique. After an error without a
// code the group may be there all the same: Groups tells.
func (c *Client) CreateGroup(ctx context.Context, name string, members ...int64) (CreatedGroup, error) {
	var out CreatedGroup
	in := proto.CreateGroup{Name: name, Members: members}
	if err := c.account.call(ctx, http.MethodPost, proto.PathGroupCreate, in, &out); err != nil {
		return CreatedGroup{}, fmt.Errorf("create group: %w", err)
	}
	return out, nil
}

// JoinGroup makes the user a member of a group, which everybody may who knows its
// id. What is written from then on is received, beginning with the joining itself,
// a Message of the kind proto.Kind_JOIN. Joining again changes nothing. The error
// has the code proto.UnknownGroup if there is no such group.
func (c *Client) JoinGroup(ctx context.Context, group int64) error {
	var out proto.JoinedGroup
	if err := c.account.call(ctx, http.MethodPost, proto.PathGroupJoin, proto.JoinGroup{Group: group}, &out); err != nil {
		return fmt.Errorf("join group %d: %w", group, err)
	}
	return nil
}

// LeaveGroup ends the user's membership on all his devices. The last that is
// received of the group is the leaving itself, of the kind proto.Kind_LEAVE.
// Leaving again changes nothing.
func (c *Client) LeaveGroup(ctx context.Context, group int64) error {
	var out proto.LeftGroup
	if err := c.account.call(ctx, http.MethodPost, proto.PathGroupLeave, proto.LeaveGroup{Group: group}, &out); err != nil {
		return fmt.Errorf("leave group %d: %w", group, err)
	}
	return nil
}

// Groups returns the groups that the user belongs to, by ascending id, without the
// group of everyone.
func (c *Client) Groups(ctx context.Context) ([]Group, error) {
	var out proto.GroupsAnswer
	if err := c.account.call(ctx, http.MethodGet, proto.PathGroups, nil, &out); err != nil {
		return nil, fmt.Errorf("list groups: %w", err)
	}
	return out.Groups, nil
}

// GroupMembers returns a group's members by ascending id, asking the route for a
// page at a time as they are taken. An error ends the iteration; it has the code
// proto.NotMember for who does not belong himself.
func (c *Client) GroupMembers(ctx context.Context, group int64) iter.Seq2[User, error] {
	return func(yield func(User, error) bool) {
		for after := int64(0); ; {
			page, err := c.GroupMembersPage(ctx, group, after, 0)
			if err != nil {
				yield(User{}, err)
				return
			}
			for _, u := range page.Users {
				if !yield(u, nil) {
					return
				}
			}
			if page.Next <= after {
				return
			}
			after = page.Next
		}
	}
}

// GroupMembersPage returns at most limit members of a group with ids above after.
// A limit of zero is the route's choice.
func (c *Client) GroupMembersPage(ctx context.Context, group, after int64, limit int) (MembersPage, error) {
	q := url.Values{"group": {strconv.FormatInt(group, 10)}}
	if after > 0 {
		q.Set("after", strconv.FormatInt(after, 10))
	}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	var page MembersPage
	if err := c.account.call(ctx, http.MethodGet, proto.PathGroupMembers+"?"+q.Encode(), nil, &page); err != nil {
		return MembersPage{}, fmt.Errorf("list members of group %d: %w", group, err)
	}
	return page, nil
}
