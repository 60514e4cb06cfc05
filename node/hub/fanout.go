package hub

import (
	"slices"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

// Post is a message of a group's log, or another frame for a group, on its way.
type Post struct {
	Packet *link.Packet
	Mark   *proto.Mark // the message's place, or the place that the frame reports
	Except int64       // number of the sender's session, which does not need the message; zero: no session here has sent it
}

// Group pushes posts, in their order, to the open connections of a group's members. For a
// pending connection, the hub remembers the places of the posts. A session gets neither
// its own posts nor the posts up to the place that spared returns for it. The group of
// everyone has all users who are here, and Group does not call spared for that group.
// Group does not keep the slice posts.
func (h *Hub[P]) Group(group int64, posts []Post, spared func(P) *proto.Mark) {
	if len(posts) == 0 {
		return
	}
	f := newFanOut(posts)
	if group == proto.Everyone {
		h.everyone(f)
		return
	}
	scratch := h.members.Get().(*[]*Entry[P])
	g := h.group(group)
	g.mu.Lock()
	entries := append((*scratch)[:0], g.entries[group]...)
	g.mu.Unlock()
	for _, e := range entries {
		upTo := spared(e.peer)
		if upTo == nil && !slices.Contains(f.senders, e.user) {
			if e.open.Load() || h.opened(e, posts) {
				e.peer.PushAll(f.batch)
			}
			continue
		}
		rest := f.rest(e.user, h.number(e), upTo)
		if e.open.Load() || h.opened(e, rest) {
			pushEach(e.peer, rest)
		}
	}
	clear(entries)
	*scratch = entries
	h.members.Put(scratch)
}

// everyone does what Group does, for the group of everyone.
func (h *Hub[P]) everyone(f *fanOut) {
	scratch := h.scratch.Get().(*[]P)
	for i := range h.shards {
		s := &h.shards[i]
		peers := (*scratch)[:0]
		var senders []partial[P]
		s.mu.Lock()
		for user, u := range s.users {
			sends := slices.Contains(f.senders, user)
			for e := u.first; e != nil; e = e.next {
				switch {
				case !e.open.Load():
					s.missPosts(e, f.posts)
				case sends:
					senders = append(senders, partial[P]{e.peer, f.rest(user, e.number, nil)})
				default:
					peers = append(peers, e.peer)
				}
			}
		}
		s.mu.Unlock()
		for _, peer := range peers {
			peer.PushAll(f.batch)
		}
		for _, to := range senders {
			pushEach(to.peer, to.posts)
		}
		clear(peers)
		*scratch = peers
	}
	h.scratch.Put(scratch)
}

// fanOut has posts on their way to many connections. Most connections get all of the
// posts, as one batch.
type fanOut struct {
	posts   []Post
	batch   *link.Batch
	senders []int64 // the users who have a session that sent one of the posts
}

// partial is a connection that gets only some of the posts.
type partial[P Peer] struct {
	peer  P
	posts []Post
}

func newFanOut(posts []Post) *fanOut {
	f := &fanOut{posts: posts}
	packets := make([]*link.Packet, len(posts))
	for i, p := range posts {
		packets[i] = p.Packet
		if from := p.Packet.Frame().From; p.Except != 0 && !slices.Contains(f.senders, from) {
			f.senders = append(f.senders, from)
		}
	}
	f.batch = link.NewBatch(packets)
	return f
}

// rest returns the posts for one session of a user. It leaves out the posts that this
// session sent. If upTo is not nil, it also leaves out the posts up to that place.
func (f *fanOut) rest(user, number int64, upTo *proto.Mark) (posts []Post) {
	for _, p := range f.posts {
		sent := p.Except != 0 && p.Except == number && p.Packet.Frame().From == user
		before := upTo != nil && upTo.Epoch == p.Mark.Epoch && p.Mark.Number <= upTo.Number
		if !sent && !before {
			posts = append(posts, p)
		}
	}
	return posts
}

func pushEach[P Peer](peer P, posts []Post) {
	for _, p := range posts {
		peer.Push(p.Packet)
	}
}

func (h *Hub[P]) number(e *Entry[P]) int64 {
	s := h.shard(e.user)
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.number
}

// opened reports whether the entry is open. If it is not, the hub remembers the places
// of posts for it.
func (h *Hub[P]) opened(e *Entry[P], posts []Post) bool {
	s := h.shard(e.user)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !e.open.Load() {
		s.missPosts(e, posts)
		return false
	}
	return true
}

func (s *shard[P]) missPosts(e *Entry[P], posts []Post) {
	for _, p := range posts {
		s.miss(e, p.Mark)
	}
}
