package client

import (
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

// Group is a group that the user belongs to.
type Group = proto.Group

// CreatedGroup is a new group. It names the users who could not be made members, and those
// who must accept an invitation first.
type CreatedGroup = proto.CreatedGroup

// MembersPage is one page of a group's members, by ascending id.
type MembersPage = proto.GroupMembersAnswer

// CreateGroup makes a group. The user and members, at most proto.MaxInvited other users,
// belong to it at once. The name may be empty and need not be unique. CreateGroup blocks
// until a route answers. It repeats the request under the same id, so one call makes at
// most one group. If ctx ends first, the group may exist all the same, and then Groups
// lists it.
func (c *Client) CreateGroup(ctx context.Context, name string, members ...int64) (CreatedGroup, error) {
	in := proto.CreateGroup{ID: rand.Text(), Name: name, Members: members}
	for row := 0; ; row++ {
		var out CreatedGroup
		err := c.account.call(ctx, http.MethodPost, proto.PathGroupCreate, in, &out)
		if err == nil {
			return out, nil
		}
		delay, again := retryDelay(err, row)
		if !again || !retry.Sleep(ctx, max(delay, 50*time.Millisecond)) {
			return CreatedGroup{}, fmt.Errorf("create group: %w", err)
		}
	}
}

// JoinGroup makes the user a member of a group. Every user who knows its id may join,
// unless they were removed from it. The first message that the client then receives
// from the group is the joining itself, of the kind proto.Kind_JOIN. Joining again
// changes nothing. The error has the code proto.UnknownGroup if there is no such group,
// or proto.Removed if the user was removed.
func (c *Client) JoinGroup(ctx context.Context, group int64) error {
	var out proto.JoinedGroup
	if err := c.account.call(ctx, http.MethodPost, proto.PathGroupJoin, proto.JoinGroup{Group: group}, &out); err != nil {
		return fmt.Errorf("join group %d: %w", group, err)
	}
	return nil
}

// LeaveGroup ends the user's membership on all devices. The last message that the
// client receives from the group is the leaving itself, of the kind proto.Kind_LEAVE.
// Leaving again changes nothing.
func (c *Client) LeaveGroup(ctx context.Context, group int64) error {
	var out proto.LeftGroup
	if err := c.account.call(ctx, http.MethodPost, proto.PathGroupLeave, proto.LeaveGroup{Group: group}, &out); err != nil {
		return fmt.Errorf("leave group %d: %w", group, err)
	}
	return nil
}

// AddMember makes another user a member of a group, even one who was removed. If that user
// must accept first, AddMember only invites the user, who then joins by AcceptInvitation.
// AddMemberOrInvite reports which of the two happened. Adding again changes nothing. The
// error has the code proto.NotCreator if this user is neither the owner nor an admin of
// the group.
func (c *Client) AddMember(ctx context.Context, group, user int64) error {
	_, err := c.AddMemberOrInvite(ctx, group, user)
	return err
}

// AddMemberOrInvite does what AddMember does, and reports whether the user was only
// invited.
func (c *Client) AddMemberOrInvite(ctx context.Context, group, user int64) (invited bool, err error) {
	var out proto.AddedMember
	if err := c.account.call(ctx, http.MethodPost, proto.PathGroupAdd, proto.AddMember{Group: group, User: user}, &out); err != nil {
		return false, fmt.Errorf("add %d to group %d: %w", user, group, err)
	}
	return out.Invited, nil
}

// Invitation is an invitation of the user to a group.
type Invitation = proto.Invitation

// Invitations returns the user's latest 100 invitations to groups, the oldest first.
func (c *Client) Invitations(ctx context.Context) ([]Invitation, error) {
	var out proto.InvitationsAnswer
	if err := c.account.call(ctx, http.MethodGet, proto.PathInvitations, nil, &out); err != nil {
		return nil, fmt.Errorf("list invitations: %w", err)
	}
	return out.Invitations, nil
}

// AcceptInvitation makes the user a member of a group to which they were invited, as
// JoinGroup does. If there is no invitation, or it is no longer valid, the error has the
// code proto.NoInvitation.
func (c *Client) AcceptInvitation(ctx context.Context, group int64) error {
	var out proto.JoinedGroup
	if err := c.account.call(ctx, http.MethodPost, proto.PathGroupAccept, proto.JoinGroup{Group: group}, &out); err != nil {
		return fmt.Errorf("accept invitation to group %d: %w", group, err)
	}
	return nil
}

// DeclineInvitation ends an invitation of the user. The error has the code
// proto.NoInvitation if there is none.
func (c *Client) DeclineInvitation(ctx context.Context, group int64) error {
	var out proto.LeftGroup
	if err := c.account.call(ctx, http.MethodPost, proto.PathGroupDecline, proto.LeaveGroup{Group: group}, &out); err != nil {
		return fmt.Errorf("decline invitation to group %d: %w", group, err)
	}
	return nil
}

// RemoveMember ends the membership of another user in a group. The removed user cannot
// join again, but can be added. All members receive the removal as a Message of the kind
// proto.Kind_LEAVE with By set. It is the last message for the removed user. Removing
// again changes nothing. The error has the code proto.NotCreator if this user's role
// forbids it.
func (c *Client) RemoveMember(ctx context.Context, group, user int64) error {
	var out proto.RemovedMember
	if err := c.account.call(ctx, http.MethodPost, proto.PathGroupRemove, proto.RemoveMember{Group: group, User: user}, &out); err != nil {
		return fmt.Errorf("remove %d from group %d: %w", user, group, err)
	}
	return nil
}

// GiveGroupRole gives a member of a group the role proto.GroupAdmin, proto.GroupMember or
// proto.GroupReadOnly. The role proto.GroupOwner makes the member the owner of the group.
// The error has the code proto.NotCreator if this user's role does not allow it.
func (c *Client) GiveGroupRole(ctx context.Context, group, user int64, role string) error {
	var out proto.GaveGroupRole
	q := proto.GiveGroupRole{Group: group, User: user, Role: role}
	if err := c.account.call(ctx, http.MethodPost, proto.PathGroupRole, q, &out); err != nil {
		return fmt.Errorf("make %d %s of group %d: %w", user, role, group, err)
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

// GroupMembers returns a group's members by ascending id. It reads the next page from
// the route whenever the iteration needs it. An error ends the iteration. The error has
// the code proto.NotMember if the caller is no member.
func (c *Client) GroupMembers(ctx context.Context, group int64) iter.Seq2[User, error] {
	return pages(func(after int64) ([]User, int64, error) {
		page, err := c.GroupMembersPage(ctx, group, after, 0)
		return page.Users, page.Next, err
	})
}

// GroupMembersPage returns at most limit members of a group, with ids above the parameter
// after. If limit is zero, the route chooses it.
func (c *Client) GroupMembersPage(ctx context.Context, group, after int64, limit int) (MembersPage, error) {
	q := url.Values{"group": {strconv.FormatInt(group, 10)}}
	setPage(q, after, limit)
	var page MembersPage
	if err := c.account.call(ctx, http.MethodGet, proto.PathGroupMembers+"?"+q.Encode(), nil, &page); err != nil {
		return MembersPage{}, fmt.Errorf("list members of group %d: %w", group, err)
	}
	return page, nil
}
