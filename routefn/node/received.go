package node

import (
	"context"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/nodes"
	"github.com/cim-go/cim/routefn/record"
)

// A CIM client acknowledges nothing. Its node finds out, sometimes late, which messages
// the client has read. The node also reports which messages the client's TCP has received.
// A client that lives will read these messages, too. A client that is killed will not read
// them. But the node of a killed client notices the end of the connection and reports it.
// So received messages count as read only if the node died before it could report.
//
// A client that closes while messages arrive ends its sending, and then its connection is
// reset. If the client was still reading at that time, its node knows for certain up to
// where the client had read. When CIM's client closes, it is still reading, and it logs
// out. So the node's report counts only if the client has logged out.
//
// A node that answers, even slowly, will still report the end. A node that cannot be
// reached may be paused or cut off, and may have seen its client being killed. Then the
// received messages are shown to the client again, because that is better than a loss.

// countReceived is for openings of users who had an earlier CIM connection. Either no
// node reported the end of that connection, or the end did not show what the client had
// read. countReceived decides whether the messages that the earlier connection received
// count as read. If the decision cannot be stored, the answer to the opening has the
// error, and the node repeats the opening.
func (n *Requests) countReceived(ctx context.Context, b openings, opened []record.Opened) {
	var places []int
	var lives []nodes.Life
	for i, o := range opened {
		if o.Err == nil && o.Received != nil && b.list[i].Number == 0 {
			places = append(places, i)
			if !o.Received.Left {
				lives = append(lives, lifeOf(o.Received.Session))
			}
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
		if o.Received.LoggedOut || dead[lifeOf(s)] {
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

func lifeOf(s record.Session) nodes.Life { return nodes.Life{Addr: s.Addr, Boot: s.Boot} }

// further returns the cursors. Each is moved forward to the position of the same log in
// the parameter to. It follows the rules of Store.Ack for a session that has ended. The
// parameter inbox is the end of the user's inbox.
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
