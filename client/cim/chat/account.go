package chat

import "context"

// deleteAccount deletes the user's account, if the user has typed its name.
func (c *chat) deleteAccount(ctx context.Context, name string) error {
	if len(c.secrets) != len(deletePrompts) || name != c.cfg.Client.Self().Name {
		c.screen.print("! type " + deleteCommand + " and your own name, and then your password. Nothing was deleted.")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	if err := c.cfg.Client.DeleteAccount(ctx, c.secrets[0]); err != nil {
		c.screen.print(failed("delete your account", err))
		return nil
	}
	c.screen.print("Deleted. Your devices are logged out. What you wrote to others stays with them.")
	return nil
}
