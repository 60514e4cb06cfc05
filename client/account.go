package client

import (
	"context"
	"fmt"
	"net/http"

	"github.com/cim-go/cim/proto"
)

// DeleteAccount deletes the user's account for good, and ends the sessions of all devices.
// The client stops, because its own session has ended. The parameter password is the
// account's password. A route that asks for no password ignores it. With Config.JWT, the
// client sends a JWT instead. If the password or the JWT is wrong, the error has the code
// proto.WrongPassword. After any other error, call it again. Within a minute the servers
// remove what they have of the account. The local history stays.
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
