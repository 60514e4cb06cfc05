package chat

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/cim-go/cim/proto"
)

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
	c.names.learn(groups)
	lines := make([]string, len(groups))
	for i, g := range groups {
		lines[i] = fmt.Sprintf("%-17s  %s", "g"+strconv.FormatInt(g.Group, 10), counted(g.Members, "member"))
		if g.Name != "" {
			lines[i] += ", #" + CleanLine(g.Name)
		}
		switch g.Role {
		case proto.GroupOwner:
			lines[i] += ", yours"
		case proto.GroupAdmin, proto.GroupReadOnly:
			lines[i] += ", " + g.Role
		}
	}
	c.screen.print(strings.Join(lines, "\n"))
	return nil
}

// counted returns a number with its noun, in the singular or the plural.
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
	name = strings.TrimSpace(name)
	g, err := c.cfg.Client.CreateGroup(ctx, name)
	if err != nil {
		c.screen.print(failed("make the group", err))
		return nil
	}
	address := fmt.Sprintf("g%d", g.Group)
	if name != "" {
		address = "#" + CleanLine(name)
	}
	c.screen.print(fmt.Sprintf("Your group is there: %s;;text writes to it.\nOthers join it with :join %d, or you add them with :add %s;;bob.",
		address, g.Group, address))
	return nil
}

func (c *chat) joinGroup(ctx context.Context, args string) error {
	if _, ok := groupID(args); !ok { // only the user's own groups are known by name
		args = ""
	}
	return c.withGroup(ctx, ":join <id>", "join the group", args, c.cfg.Client.JoinGroup)
}

func (c *chat) leaveGroup(ctx context.Context, args string) error {
	return c.withGroup(ctx, ":leave <group>", "leave the group", args, c.cfg.Client.LeaveGroup)
}

func (c *chat) addMember(ctx context.Context, args string) error {
	return c.withMember(ctx, ":add <group>;;<user>", "add to the group", args, func(ctx context.Context, group, user int64) error {
		invited, err := c.cfg.Client.AddMemberOrInvite(ctx, group, user)
		if err == nil && invited {
			c.screen.print("Invited. The user must accept first.")
		}
		return err
	})
}

func (c *chat) removeMember(ctx context.Context, args string) error {
	return c.withMember(ctx, ":remove <group>;;<user>", "remove from the group", args, c.cfg.Client.RemoveMember)
}

func (c *chat) giveRole(ctx context.Context, args string) error {
	const usage = ":role <group>;;<user> <role>"
	at := strings.LastIndexByte(args, ' ')
	if at < 0 {
		c.screen.print("! type " + usage + ". A role is owner, admin, member or read-only.")
		return nil
	}
	return c.withMember(ctx, usage, "give the role", args[:at], func(ctx context.Context, group, user int64) error {
		return c.cfg.Client.GiveGroupRole(ctx, group, user, args[at+1:])
	})
}

// withMember calls the function do for a command whose argument names a group and another
// user.
func (c *chat) withMember(ctx context.Context, usage, what, args string, do func(ctx context.Context, group, user int64) error) error {
	typed, whom, ok := strings.Cut(args, ";;")
	typed, whom = strings.TrimSpace(typed), strings.TrimSpace(whom)
	if !ok || whom == "" {
		c.screen.print("! type " + usage + ".")
		return nil
	}
	return c.withGroup(ctx, usage, what, typed, func(ctx context.Context, group int64) error {
		user, err := c.findUser(ctx, whom)
		if err != nil {
			return err
		}
		return do(ctx, group, user.User)
	})
}

// withGroup passes the group that was typed to the function do, and prints the returned
// error. The function do may change the group. The terminal shows the change when the
// log's entry about it comes as a message.
func (c *chat) withGroup(ctx context.Context, usage, what, typed string, do func(context.Context, int64) error) error {
	if typed == "" {
		c.screen.print("! type " + usage + ". :groups lists your groups.")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	id, err := c.findGroup(ctx, typed)
	if err == nil {
		err = do(ctx, id)
	}
	if err != nil {
		c.screen.print(failed(what, err))
	}
	return nil
}

func (c *chat) groupMembers(ctx context.Context, args string) error {
	return c.withGroup(ctx, ":members <group>", "list the members", args, func(ctx context.Context, group int64) error {
		page, err := c.cfg.Client.GroupMembersPage(ctx, group, 0, listMax)
		if err != nil {
			return err
		}
		var lines []string
		for _, u := range page.Users {
			line := label(u)
			if u.Role != "" && u.Role != proto.GroupMember {
				line += ", " + CleanLine(u.Role)
			}
			lines = append(lines, line)
		}
		last := counted(page.Total, "member") + "."
		if page.Next != 0 {
			last = fmt.Sprintf("%s; these are the first %d.", counted(page.Total, "member"), len(page.Users))
		}
		c.screen.print(strings.Join(append(lines, last), "\n"))
		return nil
	})
}
