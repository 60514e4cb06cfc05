package client

import (
	"context"
	"fmt"
	"net/http"

	"github.com/cim-go/cim/proto"
)

// GiveRole gives a user a role in the system: proto.RoleUser, proto.RoleModerator or
// proto.RoleOperator. The error has the code proto.Forbidden unless this user is an
// operator.
func (c *Client) GiveRole(ctx context.Context, user int64, role string) error {
	var out proto.GaveRole
	if err := c.account.call(ctx, http.MethodPost, proto.PathRole, proto.GiveRole{User: user, Role: role}, &out); err != nil {
		return fmt.Errorf("make %d %s: %w", user, role, err)
	}
	return nil
}

// Role returns this user's role in the system, and whether the user may write to
// everyone.
func (c *Client) Role(ctx context.Context) (proto.RoleAnswer, error) {
	var out proto.RoleAnswer
	if err := c.account.call(ctx, http.MethodGet, proto.PathRole, nil, &out); err != nil {
		return proto.RoleAnswer{}, fmt.Errorf("look up role: %w", err)
	}
	return out, nil
}
