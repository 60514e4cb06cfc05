package compat

import (
	"context"

	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/role"
)

// Online is GET and POST /onlineUser. It returns all connected users in one answer. The
// route does not know the caller. So it refuses the request unless all users may list
// others.
func (c *Requests) Online(ctx context.Context, _ struct{}) ([]User, error) {
	if !c.cfg.Store.Rules().MayReachEveryone(role.User) {
		return nil, record.ErrForbidden
	}
	users := []User{}
	for page := (check.Page{Limit: check.MaxPage}); ; {
		answer, err := c.cfg.Users.OnlinePage(ctx, page)
		if err != nil {
			return nil, err
		}
		for _, u := range answer.Users {
			users = append(users, User{UserID: u.User, UserName: u.Name})
		}
		if answer.Next <= page.After {
			return users, nil
		}
		page.After = answer.Next
	}
}

// Fetch is the body of POST /fetchOfflineMsgs.
type Fetch struct {
	ReceiveUserID int64 `json:"receiveUserId"`
}

// Fetch is POST /fetchOfflineMsgs. It makes the user's node fetch the messages that the
// user missed and write them to the user's connection. Without a connection it does
// nothing.
func (c *Requests) Fetch(ctx context.Context, q Fetch) (any, error) {
	if !check.ValidUser(q.ReceiveUserID) {
		return nil, check.Invalid("The receiveUserId is not a user id.")
	}
	live, err := c.session(ctx, q.ReceiveUserID)
	if err != nil || live == nil {
		return nil, err
	}
	out := c.cfg.Pusher.Begin()
	defer out.Send()
	out.Nudge(q.ReceiveUserID, *live, "")
	return nil, nil
}
