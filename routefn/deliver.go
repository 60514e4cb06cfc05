package routefn

import (
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// deliver queues the pushes of a stored message: one item for each node that
// holds a session of the receiver, one for each that holds another session of the
// sender, or one for each that holds members of the group. The connection it came
// by is left out: its answer has the position. It does not block.
func (rt *Route) deliver(by sender, a *record.Appended) {
	for _, c := range a.Copies {
		if c.User == 0 {
			for _, l := range c.Nodes {
				rt.push.item(l.Addr, l.Boot, &proto.PushItem{Except: by.number, Stored: c.Stored}, nil)
			}
			continue
		}
		// Numbers of two users may be equal: only the sender's own is left out.
		var except int64
		if c.User == by.user {
			except = by.number
		}
		for at, sessions := range byNode(c.Sessions, func(s record.Session) bool { return c.User == by.user && by.is(s) }) {
			rt.push.item(at.address, at.boot, &proto.PushItem{
				User: c.User, Numbers: numbers(sessions), Except: except, Stored: c.Stored,
			}, sessions)
		}
	}
}

// announce queues what follows from a joining or a leaving: its entry, if it was
// appended, for each node that holds members, and the word for each node that holds
// the user to ask for his groups again. It does not block.
func (rt *Route) announce(c *record.Changed) {
	if c.Earlier != nil {
		rt.announce(c.Earlier)
	}
	if c.Copy != nil {
		for _, l := range c.Copy.Nodes {
			rt.push.item(l.Addr, l.Boot, &proto.PushItem{Stored: c.Copy.Stored}, nil)
		}
	}
	for at, sessions := range byNode(c.Sessions, func(record.Session) bool { return false }) {
		rt.push.item(at.address, at.boot, &proto.PushItem{User: c.User, Numbers: numbers(sessions), Groups: true}, sessions)
	}
}

// is reports whether the message came by this session, or over HTTP from its
// device.
func (s sender) is(o record.Session) bool {
	if s.number != 0 {
		return s.number == o.Number
	}
	return s.device == o.Device
}

// A nodeAt is one life of the process at an address.
type nodeAt struct {
	address string
	boot    uint64
}

// byNode groups sessions by the node that holds them, without those to leave out.
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

func numbers(sessions []record.Session) []int64 {
	list := make([]int64, len(sessions))
	for i, s := range sessions {
		list[i] = s.Number
	}
	slices.Sort(list)
	return list
}
