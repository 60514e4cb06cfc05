package chat

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// groupID reads a group's id, with or without the g in front.
func groupID(s string) (int64, bool) {
	id, err := strconv.ParseInt(strings.TrimPrefix(s, "g"), 10, 64)
	return id, err == nil && id > 0
}

func (c *chat) groups(ctx context.Context, _ string) error {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	groups, err := c.cfg.Client.Groups(ctx)
	if err != nil {
		c.screen.print(failed("list your groups", err))
		return nil
	}
	if len(groups) == 0 {
		c.screen.print("You are in no group. :group create <name> makes one, :join <id> joins one.")
		return nil
	}
	lines := make([]string, len(groups))
	for i, g := range groups {
		lines[i] = fmt.Sprintf("%-16s  %s", "g"+strconv.FormatInt(g.Group, 10), counted(g.Members, "member"))
		if g.Name != "" {
			lines[i] += ", " + cleanLine(g.Name)
		}
	}
	c.screen.print(strings.Join(lines, "\n"))
	return nil
}

// counted returns a number with its noun.
func counted(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func (c *chat) createGroup(ctx context.Context, args string) error {
	verb, name, _ := strings.Cut(args, " ")
	if verb != "create" {
		c.screen.print("! type :group create <name>.")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	g, err := c.cfg.Client.CreateGroup(ctx, strings.TrimSpace(name))
	if err != nil {
		c.screen.print(failed("make the group", err))
		return nil
	}
	c.screen.print(fmt.Sprintf("Your group is there. Others join it with :join %d, and g%d;;text writes to it.", g.Group, g.Group))
	return nil
}

func (c *chat) joinGroup(ctx context.Context, args string) error {
	return c.withGroup(ctx, ":join", "join the group", args, c.cfg.Client.JoinGroup)
}

func (c *chat) leaveGroup(ctx context.Context, args string) error {
	return c.withGroup(ctx, ":leave", "leave the group", args, c.cfg.Client.LeaveGroup)
}

// withGroup does what a command does to the group that its argument names. What
// follows is shown when it comes as a message.
func (c *chat) withGroup(ctx context.Context, command, what, args string, do func(context.Context, int64) error) error {
	id, ok := groupID(args)
	if !ok {
		c.screen.print("! type " + command + " <id>. :groups lists your groups.")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	if err := do(ctx, id); err != nil {
		c.screen.print(failed(what, err))
	}
	return nil
}

func (c *chat) groupMembers(ctx context.Context, args string) error {
	return c.withGroup(ctx, ":members", "list the members", args, func(ctx context.Context, group int64) error {
		page, err := c.cfg.Client.GroupMembersPage(ctx, group, 0, listMax)
		if err != nil {
			return err
		}
		var lines []string
		for _, u := range page.Users {
			lines = append(lines, label(u))
		}
		last := counted(page.Total, "member") + "."
		if page.Next != 0 {
			last = fmt.Sprintf("%s; these are the first %d.", counted(page.Total, "member"), len(page.Users))
		}
		c.screen.print(strings.Join(append(lines, last), "\n"))
		return nil
	})
}
