package hub

import (
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/cim-go/cim/proto"
)

// groupShard has the entries of groups' members. A group is in the map while it has a
// member.
type groupShard[P Peer] struct {
	mu      sync.Mutex
	entries map[int64][]*Entry[P]
}

func (h *Hub[P]) group(id int64) *groupShard[P] { return &h.groups[spread(id)] }

// SetGroups makes e a member of these groups and of no others, except the group of
// everyone. The parameter version is the version of the list of groups. Reconciliation
// compares it. SetGroups returns the groups that e leaves by this call, including those
// from which Dissolve has removed e before. It does nothing if e has left the hub.
func (h *Hub[P]) SetGroups(e *Entry[P], groups []int64, version int64) (ended []int64) {
	s := h.shard(e.user)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !e.here {
		return nil
	}
	for _, group := range e.groups {
		if !slices.Contains(groups, group) {
			h.outOf(group, e)
			ended = append(ended, group)
		}
	}
	for _, group := range s.apart[e] {
		if !slices.Contains(groups, group) && !slices.Contains(ended, group) {
			ended = append(ended, group)
		}
	}
	delete(s.apart, e)
	for _, group := range groups {
		if !slices.Contains(e.groups, group) {
			h.into(group, e)
		}
	}
	e.groups, e.version, e.told = slices.Clone(groups), version, true
	return ended
}

// FollowNone makes e a member only of the group of everyone, whatever groups its user
// joins. It is for CIM's clients, which would show group messages as if they were
// private. The parameter version is as in SetGroups.
func (h *Hub[P]) FollowNone(e *Entry[P], version int64) {
	s := h.shard(e.user)
	s.mu.Lock()
	defer s.mu.Unlock()
	e.version = version
}

// Join makes the entries of a user members of a group. It skips entries whose groups are
// not known yet.
func (h *Hub[P]) Join(id, group int64) {
	s := h.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.users[id].first; e != nil; e = e.next {
		if e.told && !slices.Contains(e.groups, group) {
			e.groups = append(e.groups, group)
			h.into(group, e)
		}
	}
}

// Belongs reports whether e is a member of a group, which must not be the group of
// everyone.
func (h *Hub[P]) Belongs(e *Entry[P], group int64) bool {
	s := h.shard(e.user)
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(e.groups, group)
}

// Quit ends the membership of all entries of the user id in a group.
func (h *Hub[P]) Quit(id, group int64) {
	s := h.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.users[id].first; e != nil; e = e.next {
		if i := slices.Index(e.groups, group); i >= 0 {
			e.groups = slices.Delete(e.groups, i, i+1)
			h.outOf(group, e)
		}
	}
}

// into adds e to the group's entries. The caller holds the lock of e's shard.
func (h *Hub[P]) into(group int64, e *Entry[P]) {
	g := h.group(group)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.entries[group] = append(g.entries[group], e)
}

// outOf removes e from the group's entries. The caller holds the lock of e's shard.
func (h *Hub[P]) outOf(group int64, e *Entry[P]) {
	g := h.group(group)
	g.mu.Lock()
	defer g.mu.Unlock()
	list := g.entries[group]
	i := slices.Index(list, e)
	if i < 0 {
		return
	}
	last := len(list) - 1
	list[i], list[last] = list[last], nil
	if g.entries[group] = list[:last]; last == 0 {
		delete(g.entries, group)
	}
}

// Dissolve removes all connections from the group and returns them. They are no members
// until SetGroups makes them members again. For the group of everyone it does nothing.
func (h *Hub[P]) Dissolve(group int64) (peers []P) {
	g := h.group(group)
	g.mu.Lock()
	entries := slices.Clone(g.entries[group])
	g.mu.Unlock()
	for _, e := range entries {
		s := h.shard(e.user)
		s.mu.Lock()
		if i := slices.Index(e.groups, group); i >= 0 {
			e.groups = slices.Delete(e.groups, i, i+1)
			h.outOf(group, e)
			s.apart[e] = append(s.apart[e], group)
			peers = append(peers, e.peer)
		}
		s.mu.Unlock()
	}
	return peers
}

// HasMembers reports whether a connection of a member is here, open or pending.
func (h *Hub[P]) HasMembers(group int64) bool {
	if group == proto.Everyone {
		return h.Entries() > 0
	}
	g := h.group(group)
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.entries[group]) > 0
}

// Members returns up to n open connections of a group's members, beginning at a random
// one.
func (h *Hub[P]) Members(group int64, n int) []P {
	if group == proto.Everyone {
		return h.anybody(n)
	}
	g := h.group(group)
	g.mu.Lock()
	defer g.mu.Unlock()
	list := g.entries[group]
	if len(list) == 0 {
		return nil
	}
	var peers []P
	start := rand.IntN(len(list))
	for i := range list {
		if e := list[(start+i)%len(list)]; e.open.Load() {
			if peers = append(peers, e.peer); len(peers) == n {
				break
			}
		}
	}
	return peers
}

// anybody does what Members does, for the group of everyone.
func (h *Hub[P]) anybody(n int) (peers []P) {
	start := rand.IntN(Shards)
	for i := range Shards {
		if peers = h.PeersIn((start+i)%Shards, peers); len(peers) >= n {
			return peers[:n]
		}
	}
	return peers
}

// Groups extends the list by the groups of a shard that have members here. Shards run
// from 0 to Shards-1.
func (h *Hub[P]) Groups(shard int, list []int64) []int64 {
	g := &h.groups[shard]
	g.mu.Lock()
	defer g.mu.Unlock()
	for id := range g.entries {
		list = append(list, id)
	}
	return list
}

// Sessions returns those connections of a user that have one of the numbers, open or
// pending.
func (h *Hub[P]) Sessions(id int64, numbers []int64) []P {
	s := h.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	var peers []P
	for e := s.users[id].first; e != nil; e = e.next {
		if slices.Contains(numbers, e.number) {
			peers = append(peers, e.peer)
		}
	}
	return peers
}
