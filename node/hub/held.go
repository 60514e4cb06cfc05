package hub

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"

	"github.com/cim-go/cim/proto"
)

// Know records a place of the user's inbox that this connection knows.
func (h *Hub[P]) Know(e *Entry[P], mark *proto.Mark) {
	s := h.shard(e.user)
	s.mu.Lock()
	defer s.mu.Unlock()
	e.know(mark)
}

// Held extends the list by the open sessions of the shard's users, for reconciliation.
// Shards run from 0 to Shards-1.
func (h *Hub[P]) Held(shard int, list []*proto.Held) []*proto.Held {
	s := &h.shards[shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, u := range s.users {
		for e := u.first; e != nil; e = e.next {
			if e.open.Load() {
				list = append(list, &proto.Held{User: id, Device: e.Device(), Number: e.number, Newest: e.newest(), Version: e.version})
			}
		}
	}
	return list
}

// PeersIn appends to list the open connections of the shard's users.
func (h *Hub[P]) PeersIn(shard int, list []P) []P {
	s := &h.shards[shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		for e := u.first; e != nil; e = e.next {
			if e.open.Load() {
				list = append(list, e.peer)
			}
		}
	}
	return list
}

// Has reports whether a connection of the user's device is here, open or pending.
func (h *Hub[P]) Has(id int64, device string) bool {
	s := h.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.users[id].first; e != nil; e = e.next {
		if e.Device() == device {
			return true
		}
	}
	return false
}

// Online returns up to limit users with an open connection, by ascending id. It skips
// users whose ids are not greater than after, and users whose names do not begin with
// prefix. It looks at every user once.
func (h *Hub[P]) Online(after int64, limit int, prefix string) []proto.User {
	if limit <= 0 {
		return nil
	}
	var lowest byID
	for i := range h.shards {
		s := &h.shards[i]
		s.mu.Lock()
		for id, u := range s.users {
			if id <= after || len(lowest) == limit && id > lowest[0].User {
				continue
			}
			if name, open := u.name(); open && strings.HasPrefix(name, prefix) {
				lowest.keep(proto.User{User: id, Name: name}, limit)
			}
		}
		s.mu.Unlock()
	}
	slices.SortFunc(lowest, func(a, b proto.User) int { return cmp.Compare(a.User, b.User) })
	return lowest
}

// name returns the user's name, if one of the entries is open.
func (u user[P]) name() (name string, open bool) {
	for e := u.first; e != nil; e = e.next {
		if e.open.Load() {
			return e.Name(), true
		}
	}
	return "", false
}

// byID is a heap with the largest id on top.
type byID []proto.User

func (b byID) Len() int           { return len(b) }
func (b byID) Less(i, j int) bool { return b[i].User > b[j].User }
func (b byID) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }
func (b *byID) Push(x any)        { *b = append(*b, x.(proto.User)) }
func (b *byID) Pop() any {
	last := (*b)[len(*b)-1]
	*b = (*b)[:len(*b)-1]
	return last
}

// keep adds a user. If there are more than limit users then, it drops the one with the
// largest id.
func (b *byID) keep(u proto.User, limit int) {
	heap.Push(b, u)
	if len(*b) > limit {
		heap.Pop(b)
	}
}
