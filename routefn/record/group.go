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

// EnterNode enters a node among those that the groups are pushed to, or renews
// its leases for two minutes, and answers with the newest position of each group.
// Each group is one script: a message is either in the number that is answered
// or pushed to the node. It returns ErrNoGroup, having entered nothing, if one of
// the groups does not exist.
func (s *Store) EnterNode(ctx context.Context, groups []int64, lease Lease) ([]proto.Position, error) {
	if err := checkNames(lease.Node, lease.Addr); err != nil {
		return nil, fmt.Errorf("enter node: %w", err)
	}
	logs, ops := make([]logRef, len(groups)), make([]*op, len(groups))
	for i, group := range groups {
		if group != proto.Everyone {
			return nil, fmt.Errorf("enter node %s for group %d: %w", lease.Node, group, ErrNoGroup)
		}
		logs[i] = logRef{group: group}
		ops[i] = logs[i].script(enterScript, lease.Node, bootText(lease.Boot), lease.Addr, leaseTime.Milliseconds())
	}
	s.onLogs(ctx, "enter", logs, ops)
	newest := make([]proto.Position, len(groups))
	for i, o := range ops {
		if o.err != nil {
			return nil, fmt.Errorf("enter node %s for group %d: %w", lease.Node, groups[i], o.err)
		}
		newest[i] = logs[i].position(parseEpoch(text(o.reply[1])), integer(o.reply[2]), text(o.reply[3]))
	}
	return newest, nil
}
