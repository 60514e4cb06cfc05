package client

import (
	"context"
	"fmt"
	"net/http"

	"github.com/cim-go/cim/proto"
)

// DeleteAccount deletes the user's account for good, and ends the sessions of all devices.
// The client stops, as its own session has ended. The password is the account's; it is
// ignored if the route asks for none. With Config.JWT, the client shows a JWT in its place.
// The error has the code proto.WrongPassword if that is wrong. After any other error, call
// it again. The servers remove what they have of the account within a minute. The local
// history stays.
func (c *Client) DeleteAccount(ctx context.Context, password string) error {
	in := proto.DeleteAccount{Password: password}
	if c.account.cfg.JWT != nil {
		shown, err := c.account.cfg.JWT(ctx)
		if err != nil {
			return fmt.Errorf("delete account: get a JWT: %w", err)
		}
		in = proto.DeleteAccount{JWT: shown}
	}
	var out proto.DeletedAccount
	if err := c.account.call(ctx, http.MethodPost, proto.PathAccountDelete, in, &out); err != nil {
		return fmt.Errorf("delete account: %w", err)
	}
	return nil
}
