package hub

import (
	"slices"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

// Deliver pushes the packet p to those of the user's open sessions that have one of the
// numbers. It leaves out the session whose number is except, which has sent the message.
// If except is zero, there is no such session. For pending sessions the hub remembers the
// packet's place. Deliver returns the numbers that have no session here. If p is nil,
// Deliver only returns these numbers.
func (h *Hub[P]) Deliver(id int64, numbers []int64, except int64, p *link.Packet) (gone []int64) {
	var few [4]P
	peers := few[:0]
	s := h.shard(id)
	s.mu.Lock()
	u := s.users[id]
	for _, number := range numbers {
		if !u.has(number) {
			gone = append(gone, number)
		}
	}
	if p != nil {
		peers = s.receivers(peers, u, numbers, except, p.Marks())
	}
	s.mu.Unlock()
	for _, peer := range peers {
		peer.Push(p)
	}
	return gone
}

// has reports whether the session with this number is here, or may be. A pending CIM
// connection does not know its number yet, so it may be any session.
func (u user[P]) has(number int64) bool {
	for e := u.first; e != nil; e = e.next {
		if e.number == number || e.number == 0 && !e.open.Load() {
			return true
		}
	}
	return false
}

func (s *shard[P]) receivers(peers []P, u user[P], numbers []int64, except int64, marks []*proto.Mark) []P {
	for e := u.first; e != nil; e = e.next {
		switch {
		case !e.open.Load():
			s.miss(e, marks...)
		case e.number != except && slices.Contains(numbers, e.number):
			e.know(marks...)
			peers = append(peers, e.peer)
		}
	}
	return peers
}

// miss remembers places for the pending entry e, because their posts were not sent to
// it. It does nothing if e has left.
func (s *shard[P]) miss(e *Entry[P], marks ...*proto.Mark) {
	if !e.here {
		return
	}
	for _, mark := range marks {
		s.missed[e] = proto.Raise(s.missed[e], mark)
	}
}

// know records places that were sent to this connection, each with its message or in a
// NEWEST. The user's other devices may have missed that push, so know records nothing for
// them.
func (e *Entry[P]) know(marks ...*proto.Mark) {
	for _, mark := range marks {
		if mark.Log == proto.Inbox && proto.Newer(e.newest(), mark) {
			e.heard, e.inbox = true, reached{mark.Epoch, mark.Number, mark.Key}
		}
	}
}

// newest returns the newest place of the inbox that was sent to the connection, or nil.
func (e *Entry[P]) newest() *proto.Mark {
	if !e.heard {
		return nil
	}
	return &proto.Mark{Log: proto.Inbox, Epoch: e.inbox.epoch, Number: e.inbox.number, Key: e.inbox.key}
}

// Peers returns the user's open connections.
func (h *Hub[P]) Peers(id int64) []P {
	s := h.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	var peers []P
	for e := s.users[id].first; e != nil; e = e.next {
		if e.open.Load() {
			peers = append(peers, e.peer)
		}
	}
	return peers
}
