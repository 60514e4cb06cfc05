package chat

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
)

// nameLimit is how long a message may wait for the name of its group.
const nameLimit = 2 * time.Second

// groupNames has the names under which the terminal shows groups, as far as it knows them.
// Names never change.
type groupNames struct {
	mu    sync.Mutex
	known map[int64]string
}

// learn records the names of the user's groups. If two groups have the same name, or a
// group has none, the shown name includes the id.
func (n *groupNames) learn(groups []client.Group) {
	count := make(map[string]int)
	for _, g := range groups {
		count[g.Name]++
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, g := range groups {
		if g.Name != "" && count[g.Name] == 1 {
			n.known[g.Group] = "#" + CleanLine(g.Name)
		} else {
			n.known[g.Group] = byID(g.Group)
		}
	}
}

func (n *groupNames) of(group int64) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name, ok := n.known[group]
	return name, ok
}

func byID(group int64) string { return "group " + strconv.FormatInt(group, 10) }

// groupName returns the name under which a group is shown, such as "#friends". When it
// sees a group for the first time, it asks the route for names. A group whose name it
// cannot get is "group 9".
func (c *chat) groupName(ctx context.Context, group int64) string {
	if name, ok := c.names.of(group); ok {
		return name
	}
	ctx, cancel := context.WithTimeout(ctx, nameLimit)
	defer cancel()
	groups, err := c.cfg.Client.Groups(ctx)
	if err != nil {
		return byID(group)
	}
	c.names.learn(groups)
	if _, ok := c.names.of(group); !ok { // the user has left the group, so the terminal does not ask for its name again
		c.names.learn([]client.Group{{Group: group}})
	}
	name, _ := c.names.of(group)
	return name
}

// findGroup returns the id of the group that was typed. The user may type an id, with or
// without a leading g, or the name of one of their groups, with or without a leading #.
func (c *chat) findGroup(ctx context.Context, typed string) (int64, error) {
	if id, ok := groupID(typed); ok {
		return id, nil
	}
	groups, err := c.cfg.Client.Groups(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask for your groups: %w", err)
	}
	c.names.learn(groups)
	found, name := int64(0), strings.TrimPrefix(typed, "#")
	for _, g := range groups {
		switch {
		case g.Name != name:
		case found != 0:
			return 0, proto.Err(proto.Invalid, "Several groups of yours have that name. Use the id: :groups lists it.")
		default:
			found = g.Group
		}
	}
	if found == 0 {
		return 0, proto.Err(proto.UnknownGroup, "You are in no group of that name. :groups lists yours.")
	}
	return found, nil
}

// groupID reads a group's id, with or without the g in front.
func groupID(s string) (int64, bool) {
	id, err := strconv.ParseInt(strings.TrimPrefix(s, "g"), 10, 64)
	return id, err == nil && id > 0
}
