package push

import (
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// A Batch queues items for nodes on behalf of one use case. Of its methods, only Send
// may block.
type Batch struct{ to *Pusher }

// Begin returns a Batch for a use case. The use case must call Send at its end.
func (p *Pusher) Begin() Batch { return Batch{p} }

// Send starts the sending of everything that is queued. It blocks only while it calls a
// node in this process.
func (b Batch) Send() { b.to.start() }

// Origin is the connection or device from which a message came. The message is not pushed
// back to its origin, because the sender gets the message's position in the answer.
type Origin struct {
	User   int64
	Device string
	Number int64 // of the connection; zero if the message came over HTTP
}

// The method is reports whether the message came over the session s of the user, or
// over HTTP from the device of s.
func (o Origin) is(s record.Session) bool {
	if o.Number != 0 {
		return o.Number == s.Number
	}
	return o.Device == s.Device
}

// Deliver queues the stored message in the parameter a, one item per node and log. A
// private message goes to the nodes that hold sessions of the receiver or other sessions
// of the sender. A group's message goes to the nodes that hold members of the group. The
// message is not pushed back to the connection or device from which it came.
func (b Batch) Deliver(from Origin, a *record.Appended) {
	for _, c := range a.Copies {
		if c.User == 0 {
			for _, l := range c.Nodes {
				b.to.enqueueItem(l.Addr, l.Boot, &proto.PushItem{Except: from.Number, Stored: c.Stored}, nil)
			}
			continue
		}
		// Sessions of two users may have equal numbers. So Deliver leaves out the
		// session's number only for the sender's own copy.
		var except int64
		if c.User == from.User {
			except = from.Number
		}
		for at, sessions := range byNode(c.Sessions, func(s record.Session) bool { return c.User == from.User && from.is(s) }) {
			b.to.enqueueItem(at.address, at.boot, &proto.PushItem{
				User: c.User, Numbers: numbers(sessions), Except: except, Stored: c.Stored,
			}, sessions)
		}
	}
}

// Announce queues the pushes after a change of a group. If the change appended an
// entry, the entry goes to the nodes that hold members. The nodes that hold the user
// get a request to fetch the user's groups again. If the user left, the user's nodes
// also get that entry. A node that never learned of the joining learns of the group
// only from that entry.
func (b Batch) Announce(c *record.Changed) {
	if c.Earlier != nil {
		b.Announce(c.Earlier)
	}
	var leaving *proto.Stored
	if c.Copy != nil {
		for _, l := range c.Copy.Nodes {
			b.to.enqueueItem(l.Addr, l.Boot, &proto.PushItem{Stored: c.Copy.Stored}, nil)
		}
		if !c.Member {
			leaving = c.Copy.Stored
		}
	}
	for at, sessions := range byNode(c.Sessions, func(record.Session) bool { return false }) {
		b.to.enqueueItem(at.address, at.boot, &proto.PushItem{User: c.User, Numbers: numbers(sessions), Groups: true, Stored: leaving}, sessions)
	}
}

// Mark queues delivery marks for a user's sessions, except those of CIM's clients.
func (b Batch) Mark(user int64, sessions []record.Session, marks []*proto.Delivered) {
	for at, held := range byNode(sessions, func(s record.Session) bool { return s.Device == proto.CIMDevice }) {
		for _, d := range marks {
			b.to.enqueueItem(at.address, at.boot, &proto.PushItem{User: user, Numbers: numbers(held), Delivered: d}, held)
		}
	}
}

// Nudge makes the node of the session s check that it holds the session, and fetch the
// entries that the session missed. If the parameter notice is not empty, the node writes
// that text to the connection.
func (b Batch) Nudge(user int64, s record.Session, notice string) {
	b.to.enqueueItem(s.Addr, s.Boot, &proto.PushItem{User: user, Numbers: []int64{s.Number}, Notice: notice}, []record.Session{s})
}

// Kick makes the node of session s close its connection with the code.
func (b Batch) Kick(user int64, s record.Session, code proto.Code) {
	if b.to.onKick != nil {
		b.to.onKick(user, s, code)
	}
	kick := &proto.Kick{User: user, Device: s.Device, Number: s.Number, Code: int32(code)}
	b.to.enqueue(s.Addr, push{boot: s.Boot, kick: kick, size: overhead})
}

// enqueueItem queues one item for the node at address. The item has the numbers of
// sessions. If the node answers that it does not hold one of them, the Pusher closes that
// session in the store.
func (p *Pusher) enqueueItem(address string, boot uint64, item *proto.PushItem, sessions []record.Session) {
	p.enqueue(address, push{boot: boot, item: item, sessions: sessions, size: pushSize(item)})
}

// A nodeAt identifies one process of a node. After a restart the node may have the same
// address, but it has another boot.
type nodeAt struct {
	address string
	boot    uint64
}

// byNode groups sessions by the node that holds them. It drops the sessions for which the
// function leaveOut returns true.
func byNode(sessions []record.Session, leaveOut func(record.Session) bool) map[nodeAt][]record.Session {
	nodes := make(map[nodeAt][]record.Session, 1)
	for _, s := range sessions {
		if !leaveOut(s) {
			at := nodeAt{s.Addr, s.Boot}
			nodes[at] = append(nodes[at], s)
		}
	}
	return nodes
}

// numbers returns the sessions' numbers in ascending order.
func numbers(sessions []record.Session) []int64 {
	list := make([]int64, len(sessions))
	for i, s := range sessions {
		list[i] = s.Number
	}
	slices.Sort(list)
	return list
}
