package node

import (
	"slices"
	"time"

	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

// Push delivers what a route has for this node. It does not wait for sockets, and
// keeps parts of the request, which nobody may change any more. It is POST /push
// for a route in the same process.
func (n *Node) Push(r *proto.PushRequest) *proto.PushAnswer {
	defer n.links.Gather()()
	answer := &proto.PushAnswer{Items: make([]*proto.PushResult, len(r.Items))}
	mine := r.Boot == n.config.Boot
	var touched []*relay // each group's log goes out in one piece
	for i, item := range r.Items {
		answer.Items[i] = &proto.PushResult{}
		switch {
		case !mine: // for an earlier life of this node: nothing of that is here
			answer.Items[i].Gone = item.Numbers
		case item.User == 0:
			if at := n.pushGroup(item); at != nil {
				touched = append(touched, at)
			}
		case item.Delivered != nil:
			answer.Items[i].Gone = n.pushDelivered(item)
		case item.Groups:
			answer.Items[i].Gone = n.openAgain(item)
		default:
			answer.Items[i].Gone = n.pushUser(item)
		}
	}
	for _, at := range slices.Compact(touched) {
		at.pass()
	}
	n.metrics.pushed.Add(float64(len(r.Items)))
	if !mine {
		return answer
	}
	for _, k := range r.Kicks {
		n.kick(k)
	}
	if r.Reconcile {
		n.reconciler.hurry()
	}
	if r.Wake > 0 {
		n.asker.sooner(time.Duration(min(r.Wake, fireLatest.Milliseconds())) * time.Millisecond)
	}
	return answer
}

// pushUser delivers an entry of a user's inbox, or only looks who is here.
func (n *Node) pushUser(item *proto.PushItem) (gone []int64) {
	gone = n.hub.Deliver(item.User, item.Numbers, item.Except, n.packet(item.Stored))
	n.metrics.gone.Add(float64(len(gone)))
	return gone
}

// pushDelivered tells a user that messages of his were shown. Who has no room, or is
// not open yet, is told nothing.
func (n *Node) pushDelivered(item *proto.PushItem) (gone []int64) {
	d := item.Delivered
	for _, id := range d.Ids {
		p := link.NewPacket(&proto.Frame{Cmd: proto.Command_DELIVERED, Id: id, To: d.To, Time: d.Time})
		n.hub.Deliver(item.User, item.Numbers, 0, p)
	}
	gone = n.hub.Deliver(item.User, item.Numbers, 0, nil)
	n.metrics.gone.Add(float64(len(gone)))
	return gone
}

// openAgain has sessions opened again, whose user has other groups now.
func (n *Node) openAgain(item *proto.PushItem) (gone []int64) {
	for _, s := range n.hub.Sessions(item.User, item.Numbers) {
		n.reporter.open(s)
	}
	gone = n.hub.Deliver(item.User, item.Numbers, 0, nil)
	n.metrics.gone.Add(float64(len(gone)))
	return gone
}

// pushGroup queues an entry of a group's log for the members who are here, and
// returns who passes it on, if anybody does.
func (n *Node) pushGroup(item *proto.PushItem) *relay {
	p := n.packet(item.Stored)
	if p == nil {
		return nil
	}
	mark := p.Mark()
	if mark.Log == proto.Inbox {
		return nil
	}
	at := n.relays.of(mark.Log)
	at.push(hub.Post{Packet: p, Mark: mark, Except: item.Except})
	return at
}

// packet returns the push of an entry; nil for no entry, the one that a log begins
// with, or one that nobody can read, which is fetched like any gap.
func (n *Node) packet(stored *proto.Stored) *link.Packet {
	if stored == nil {
		return nil
	}
	message, err := stored.Message()
	if err != nil {
		n.log.Error("pushed entry cannot be read", "err", err)
		return nil
	}
	if message.Kind == proto.Kind_GENESIS {
		return nil
	}
	return link.NewPacket(message.Frame())
}

// kick closes a session for a route, which knows why.
func (n *Node) kick(k *proto.Kick) {
	if s, ok := n.hub.Find(k.User, k.Device, k.Number); ok {
		s.evict(proto.Code(k.Code))
	}
}
