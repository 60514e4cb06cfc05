package hub

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

// Shards is the number of parts of a hub. Held, Groups and PeersIn return one part at a
// time.
const Shards = 64

// Peer is the connection of an entry. Its methods must not block.
type Peer interface {
	Push(p *link.Packet)
	PushAll(b *link.Batch) // pushes all packets of the batch, none of which is a DELIVERED
}

// Entry is one connection of a user's device. As every idle connection has one, its
// fields are as small as possible, and its owner may embed it.
type Entry[P Peer] struct {
	// Set by Identify, read by all.
	user  int64
	label string // device, NUL, name: one string takes less memory than two
	peer  P

	open atomic.Bool // written under the shard's mu

	// Guarded by the shard's mu once the entry is in the hub.
	here    bool
	told    bool      // its groups are known
	heard   bool      // inbox is set
	later   bool      // an entry of the device with a higher number was here when this one entered
	next    *Entry[P] // the next entry of the same user
	number  int64     // the session's; zero while a CIM connection waits for its number
	version int64     // version of the list of groups that a route has returned
	inbox   reached   // the newest place of the user's inbox that was sent to the connection
	groups  []int64
}

// Identify sets the user and the device of the connection. It must be called before
// Enter. The name of a device has no NUL.
func (e *Entry[P]) Identify(user int64, name, device string, peer P) {
	e.user, e.label, e.peer = user, device+"\x00"+name, peer
}

// User returns the id of the connection's user.
func (e *Entry[P]) User() int64 { return e.user }

// Name returns the user's name.
func (e *Entry[P]) Name() string {
	_, name, _ := strings.Cut(e.label, "\x00")
	return name
}

// Device returns the name of the user's device.
func (e *Entry[P]) Device() string {
	device, _, _ := strings.Cut(e.label, "\x00")
	return device
}

// reached has the place of a mark in an inbox, in less than half of the mark's memory.
type reached struct {
	epoch  uint64
	number int64
	key    string
}

// Hub has the connections of a node. It is safe for concurrent use. Make it with New.
type Hub[P Peer] struct {
	shards  [Shards]shard[P]
	groups  [Shards]groupShard[P]
	entries atomic.Int64
	users   atomic.Int64
	scratch sync.Pool // *[]P
	members sync.Pool // *[]*Entry[P]
}

type shard[P Peer] struct {
	mu     sync.Mutex
	users  map[int64]user[P]           // only users who have an entry
	missed map[*Entry[P]][]*proto.Mark // newest places of messages that came for pending connections
	apart  map[*Entry[P]][]int64       // groups that Dissolve took entries out of, until SetGroups
}

// user has the list of a user's entries. The list is never empty, and usually has one
// entry.
type user[P Peer] struct{ first *Entry[P] }

// New returns an empty hub.
func New[P Peer]() *Hub[P] {
	h := &Hub[P]{}
	for i := range h.shards {
		h.shards[i].users = make(map[int64]user[P])
		h.shards[i].missed = make(map[*Entry[P]][]*proto.Mark)
		h.shards[i].apart = make(map[*Entry[P]][]int64)
		h.groups[i].entries = make(map[int64][]*Entry[P])
	}
	h.scratch.New = func() any { return new([]P) }
	h.members.New = func() any { return new([]*Entry[P]) }
	return h
}

// shard returns the shard of the user id. It hashes the id, so that ids given in sequence
// do not share a shard.
func (h *Hub[P]) shard(id int64) *shard[P] { return &h.shards[spread(id)] }

func spread(id int64) uint64 { return uint64(id) * 0x9e3779b97f4a7c15 >> 58 }

// Entries returns how many connections have entered and not left.
func (h *Hub[P]) Entries() int { return int(h.entries.Load()) }

// Users returns how many users have an open connection.
func (h *Hub[P]) Users() int { return int(h.users.Load()) }

// Enter makes the entry pending under its session's number.
func (h *Hub[P]) Enter(e *Entry[P], number int64) {
	s := h.shard(e.user)
	s.mu.Lock()
	defer s.mu.Unlock()
	e.number, e.here = number, true
	e.later = number > 0 && s.users[e.user].above(e.Device(), number)
	e.next = s.users[e.user].first
	s.users[e.user] = user[P]{e}
	h.entries.Add(1)
}

// Missed returns one place for each log of which e missed packets while pending. This is
// the place of the newest missed packet.
func (h *Hub[P]) Missed(e *Entry[P]) []*proto.Mark {
	s := h.shard(e.user)
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.missed[e])
}

// Promotion is the result of an opening.
type Promotion[P Peer] struct {
	Displaced []P           // connections of the device that Open has removed
	Missed    []*proto.Mark // newest places of messages that came while the connection was pending
}

// Open makes a pending entry open under the session's number, which a CIM connection
// learns only now. It removes the device's other entries of lower numbers, and those of
// the same number, which come from a ticket that was used again. But it leaves a
// pending entry that came after e.
//
// Open returns false and does nothing if e has left, or if a later entry of the device
// with a higher number is open. If an entry with a higher number came before e, Open
// removes that entry. The store has accepted e, so the store must have lost that number.
func (h *Hub[P]) Open(e *Entry[P], number int64) (Promotion[P], bool) {
	var p Promotion[P]
	s := h.shard(e.user)
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[e.user]
	if !e.here || !e.later && u.newerThan(e, number) {
		return p, false
	}
	if !u.open() {
		h.users.Add(1)
	}
	e.open.Store(true)
	e.number = number
	p.Missed = s.missed[e]
	delete(s.missed, e)
	for _, other := range u.displacedBy(e) {
		p.Displaced = append(p.Displaced, other.peer)
		h.removeLocked(s, other)
	}
	return p, true
}

// open reports whether one of the entries is open.
func (u user[P]) open() bool {
	for e := u.first; e != nil; e = e.next {
		if e.open.Load() {
			return true
		}
	}
	return false
}

// above reports whether an entry of the device, open or pending, has a higher number.
func (u user[P]) above(device string, number int64) bool {
	for e := u.first; e != nil; e = e.next {
		if e.Device() == device && e.number > number {
			return true
		}
	}
	return false
}

// newerThan reports whether another open entry of e's device has a number above number.
func (u user[P]) newerThan(e *Entry[P], number int64) bool {
	for other := u.first; other != nil; other = other.next {
		if other != e && other.Device() == e.Device() && other.open.Load() && other.number > number {
			return true
		}
	}
	return false
}

// displacedBy returns the entries of e's device that the opening of e displaces. These
// are the other entries with numbers up to e's. If an entry with a higher number was here
// when e entered, open entries with higher numbers are displaced, too. Two kinds of
// entries stay. One is a pending CIM entry without a number, which counts as newer. The
// other is a pending entry that came after e. Its number may be lower, or the same if a
// ticket was used again. After a loss of the store, numbers do not show which of the two
// is newer. A route decides that when it opens the later entry.
func (u user[P]) displacedBy(e *Entry[P]) []*Entry[P] {
	var list []*Entry[P]
	after := true // true before e, because the list has the latest entry first
	for other := u.first; other != nil; other = other.next {
		if other == e {
			after = false
			continue
		}
		unnumbered := other.number == 0
		undecided := after && other.number <= e.number && !other.open.Load()
		earlier := other.number <= e.number || e.later && other.open.Load()
		if other.Device() == e.Device() && earlier && !unnumbered && !undecided {
			list = append(list, other)
		}
	}
	return list
}

// Leave removes the entry. It returns true if this call removed it and no other entry has
// the same number. Only then may the caller report the number as closed. A late Leave of
// an old connection never touches a newer one.
func (h *Hub[P]) Leave(e *Entry[P]) (last bool) {
	s := h.shard(e.user)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !e.here {
		return false
	}
	h.removeLocked(s, e)
	return s.users[e.user].find(e.Device(), e.number) == nil
}

func (h *Hub[P]) removeLocked(s *shard[P], e *Entry[P]) {
	u := s.users[e.user]
	for at := &u.first; *at != nil; at = &(*at).next {
		if *at == e {
			*at = e.next
			break
		}
	}
	if e.next = nil; u.first == nil {
		delete(s.users, e.user)
	} else {
		s.users[e.user] = u
	}
	delete(s.missed, e)
	delete(s.apart, e)
	for _, group := range e.groups {
		h.outOf(group, e)
	}
	h.entries.Add(-1)
	e.here, e.groups = false, nil
	if e.open.Load() && !u.open() {
		h.users.Add(-1)
	}
}

func (u user[P]) find(device string, number int64) *Entry[P] {
	for e := u.first; e != nil; e = e.next {
		if e.Device() == device && e.number == number {
			return e
		}
	}
	return nil
}

// Find returns the connection of the session with this number. It returns false if the
// session is not here.
func (h *Hub[P]) Find(id int64, device string, number int64) (peer P, ok bool) {
	s := h.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.users[id].find(device, number); e != nil {
		return e.peer, true
	}
	return peer, false
}
