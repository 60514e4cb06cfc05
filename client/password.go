package client

import (
	"context"
	"fmt"
	"net/http"

	"github.com/cim-go/cim/proto"
)

// ChangePassword changes the password of the account, and ends the sessions of all other
// devices. The client uses the new password from then on. The error has the code
// proto.WrongPassword if the old password is wrong, and proto.Invalid if the route checks
// no passwords. After any other error, call again with the same arguments. The password
// may have changed already, and some sessions may not have ended yet.
func (c *Client) ChangePassword(ctx context.Context, old, next string) error {
	var out proto.ChangePasswordAnswer
	in := proto.ChangePassword{Old: old, New: next}
	if err := c.account.call(ctx, http.MethodPost, proto.PathPassword, in, &out); err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	c.account.routes.credentials.setPassword(next)
	return nil
}
