package chat

import (
	"context"
	"fmt"
	"strings"
)

// invitations lists the groups to which others have invited the user. It also accepts or
// declines one of these invitations.
func (c *chat) invitations(ctx context.Context, args string) error {
	verb, typed, _ := strings.Cut(args, " ")
	do := map[string]func(context.Context, int64) error{"accept": c.cfg.Client.AcceptInvitation, "decline": c.cfg.Client.DeclineInvitation}[verb]
	id, ok := groupID(strings.TrimSpace(typed))
	switch {
	case args == "":
		return c.listInvitations(ctx)
	case do == nil || !ok:
		c.screen.print("! type :invited, :invited accept <id> or :invited decline <id>.")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	if err := do(ctx, id); err != nil {
		c.screen.print(failed(verb, err))
	}
	return nil
}

func (c *chat) listInvitations(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	list, err := c.cfg.Client.Invitations(ctx)
	if err != nil {
		c.screen.print(failed("list your invitations", err))
		return nil
	}
	lines := make([]string, 0, len(list))
	for _, in := range list {
		line := fmt.Sprintf("%-17s  from %s (%d)", fmt.Sprint("g", in.Group), CleanLine(in.ByName), in.By)
		if in.Name != "" {
			line += ", #" + CleanLine(in.Name)
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		lines = append(lines, "Nobody has invited you.")
	}
	c.screen.print(strings.Join(lines, "\n"))
	return nil
}
