package node

import (
	"context"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/nodes"
	"github.com/cim-go/cim/routefn/record"
)

// A CIM client acknowledges nothing. Its node finds out, sometimes late, which messages
// the client has read. It also reports which ones the client's TCP has received. A live
// client will read those, too. A client that is killed will not, but then its node
// notices that and reports the end. So the received messages count only if the node
// died first.
//
// A node that answers, even slowly, will still report the end. A node that cannot be
// reached may be paused or cut off, and may have noticed that its client was killed.
// Then the unproven messages are shown to the client again, because that is better than
// a loss.

// countReceived decides about the messages that earlier CIM connections received, if no
// node reported the end of the connection. If a decision cannot be stored, its opening
// fails, and is repeated.
func (n *Requests) countReceived(ctx context.Context, b openings, opened []record.Opened) {
	var places []int
	var lives []nodes.Life
	for i, o := range opened {
		if o.Err == nil && o.Received != nil && b.list[i].Number == 0 {
			places = append(places, i)
			lives = append(lives, nodes.Life{Addr: o.Received.Session.Addr, Boot: o.Received.Session.Boot})
		}
	}
	if len(places) == 0 {
		return
	}
	dead := n.cfg.Nodes.Dead(ctx, lives)
	ackings := make([]record.Acking, len(places))
	for j, i := range places {
		o := &opened[i]
		s := o.Received.Session
		ackings[j] = record.Acking{User: b.list[i].User, Device: s.Device, Number: s.Number, Ended: true}
		if dead[lives[j]] {
			ackings[j].Cursors = o.Received.Through
			o.Cursors = further(o.Cursors, o.Received.Through, o.Newest)
		}
	}
	for j, err := range n.cfg.Store.Ack(ctx, ackings) {
		if err != nil {
			opened[places[j]].Err = err
		}
	}
}

// further returns the cursors, moved to where Store.Ack moves them for one that has ended.
func further(cursors, to []proto.Position, inbox proto.Position) []proto.Position {
	cursors = slices.Clone(cursors)
	for _, p := range to {
		i := slices.IndexFunc(cursors, func(c proto.Position) bool { return c.Log == p.Log })
		switch {
		case p.Log == proto.Inbox && (p.Epoch != inbox.Epoch || p.Number > inbox.Number):
		case i < 0:
			cursors = append(cursors, p)
		case p.Log == proto.Inbox && cursors[i].Epoch != p.Epoch, cursors[i].Epoch == p.Epoch && cursors[i].Number < p.Number:
			cursors[i] = p
		}
	}
	return cursors
}
