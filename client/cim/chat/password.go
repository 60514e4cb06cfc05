package chat

import (
	"context"
	"strings"
)

// passwordCommand is the command that changes the password. The lines after it are read
// without an echo.
const passwordCommand = ":password"

// deleteCommand is the command that deletes the account. The account's name follows it.
const deleteCommand = ":delete-account"

// secretPrompts are the prompts for the lines after passwordCommand. deletePrompts are the
// prompts for the line after deleteCommand.
var (
	secretPrompts = []string{"old password: ", "new password: ", "new password again: "}
	deletePrompts = []string{"password (empty if you have none): "}
)

// promptsOf returns the prompts for the secrets that must follow a line.
func (c *chat) promptsOf(line string) []string {
	switch strings.TrimSpace(line) {
	case passwordCommand:
		return secretPrompts
	case deleteCommand + " " + c.cfg.Client.Self().Name:
		return deletePrompts
	}
	return nil
}

// typed is a line, and the secrets that were read after it.
type typed struct {
	line    string
	secrets []string
}

// readTyped reads a line, and the secrets that must follow it.
func (c *chat) readTyped() (typed, error) {
	line, err := c.screen.readLine()
	t := typed{line: line}
	if err != nil {
		return t, err
	}
	for _, prompt := range c.promptsOf(line) {
		secret, err := c.screen.readSecret(prompt)
		if err != nil {
			return t, err
		}
		t.secrets = append(t.secrets, secret)
		if secret == "" {
			break
		}
	}
	return t, nil
}

// changePassword changes the password to the one that was typed.
func (c *chat) changePassword(ctx context.Context, _ string) error {
	switch s := c.secrets; {
	case len(s) < len(secretPrompts) || s[2] == "":
		c.screen.print("! type " + passwordCommand + " alone, then the old password and twice the new one. Nothing was changed.")
		return nil
	case s[1] != s[2]:
		c.screen.print("! the new passwords differ. Nothing was changed.")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	if err := c.cfg.Client.ChangePassword(ctx, c.secrets[0], c.secrets[1]); err != nil {
		c.screen.print(failed("change the password", err))
		return nil
	}
	c.screen.print("Changed. All other devices were logged out.")
	return nil
}
