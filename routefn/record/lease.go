package record

import (
	"context"
	"fmt"
	"time"

	"github.com/cim-go/cim/proto"
)

// leaseTime is how long a node is pushed a group's messages after it entered.
// Nodes renew within 30 s.
const leaseTime = 2 * time.Minute

// EnterNode enters a node among those that groups are pushed to, for two minutes,
// and answers with the newest position of each group and with who of its users
// belongs. Each group is one script, in one pipeline: a message is either in the
// number that is answered or pushed to the node. For a group other than everyone
// the node is entered only if one of the users belongs.
func (s *Store) EnterNode(ctx context.Context, lease Lease, groups []Entering) []Entered {
	logs, ops := make([]logRef, len(groups)), make([]*op, len(groups))
	for i, g := range groups {
		how := "enter"
		if g.Group != proto.Everyone {
			how = "members"
		}
		logs[i] = logRef{group: g.Group}
		ops[i] = logs[i].enter(lease, how, g.Users)
	}
	return s.enter(ctx, lease, logs, ops)
}

// RenewNode renews the leases that a node has, for two minutes, as EnterNode makes
// them. Where it has none, or the group is gone, Err is ErrNotMember or ErrNoGroup.
func (s *Store) RenewNode(ctx context.Context, lease Lease, groups []int64) []Entered {
	logs, ops := make([]logRef, len(groups)), make([]*op, len(groups))
	for i, group := range groups {
		logs[i] = logRef{group: group}
		ops[i] = logs[i].enter(lease, "renew", nil)
	}
	return s.enter(ctx, lease, logs, ops)
}

// enter returns an op that enters the node in the way that the script calls how.
func (l logRef) enter(lease Lease, how string, users []int64) *op {
	args := make([]any, 0, 5+len(users))
	args = append(args, lease.Node, bootText(lease.Boot), lease.Addr, leaseTime.Milliseconds(), how)
	for _, user := range users {
		args = append(args, user)
	}
	return l.script(enterScript, args...)
}

func (s *Store) enter(ctx context.Context, lease Lease, logs []logRef, ops []*op) []Entered {
	answers := make([]Entered, len(ops))
	err := checkNames(lease.Node, lease.Addr)
	if err == nil {
		s.onLogs(ctx, "enter", logs, ops)
	}
	for i, o := range ops {
		if answers[i].Err = err; err == nil {
			answers[i] = logs[i].entered(o)
		}
		if err := answers[i].Err; err != nil {
			answers[i].Err = fmt.Errorf("enter node %s for group %d: %w", lease.Node, logs[i].group, err)
		}
	}
	return answers
}

// entered reads the answer of enter.lua.
func (l logRef) entered(o *op) Entered {
	switch {
	case o.err != nil:
		return Entered{Err: o.err}
	case text(o.reply[0]) == "lapsed":
		return Entered{Err: ErrNotMember}
	}
	e := Entered{Newest: l.position(parseEpoch(text(o.reply[1])), integer(o.reply[2]), text(o.reply[3]))}
	for _, joined := range o.reply[4:] {
		e.Joined = append(e.Joined, integer(joined))
	}
	return e
}
