package node

import (
	"context"
	"time"

	"github.com/cim-go/cim/proto"
)

// Fire is POST /node/fire. It sends the delayed messages that are due, and does other due
// work. The answer has the time until the next call. It also has the keys that verify
// tickets, because every node makes this request regularly. If the node asks only for the
// keys, Fire first looks at the keys in the store.
func (n *Requests) Fire(ctx context.Context, q *proto.FireRequest) (*proto.FireAnswer, error) {
	now := n.cfg.Now()
	n.cfg.Clocks.Saw(q.GetOrigin().GetNode(), q.GetTime(), now, now)
	if q.GetKeys() {
		if err := n.cfg.Check.Look(); err != nil && n.cfg.Check.Keyed() {
			return nil, err
		}
		return n.fireAnswer(0), nil
	}
	next, err := n.cfg.Delayed.Run(ctx)
	return n.fireAnswer(next), err
}

func (n *Requests) fireAnswer(next time.Duration) *proto.FireAnswer {
	lost, _ := n.cfg.Check.Lost()
	return &proto.FireAnswer{
		Next: next.Milliseconds(), Keys: n.ticketKeys(), Unsettled: !n.cfg.Check.Settled(), Lost: lost,
		Time: n.cfg.Now().UnixMilli(), Route: n.cfg.Name,
	}
}

// Keys is GET /node/keys. It returns the keys that verify tickets. Nodes fetch them
// when they start.
func (n *Requests) Keys() (proto.KeysAnswer, error) {
	if n.cfg.Check.Keyed() {
		if err := n.cfg.Check.Look(); err != nil {
			return proto.KeysAnswer{}, err
		}
	}
	return proto.KeysAnswer{Tickets: n.ticketKeys()}, nil
}

func (n *Requests) ticketKeys() [][]byte {
	var keys [][]byte
	for _, key := range n.cfg.Issuer.Public() {
		keys = append(keys, key)
	}
	return keys
}
