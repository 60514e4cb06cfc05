package node

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

const (
	// relayWait is how long an early entry waits for the missing one. Pushes of two
	// routes overtake each other by less.
	relayWait  = 50 * time.Millisecond
	relayRetry = time.Second // after a pull that did not help
	// relayIdle is above a lease: nothing of a group without members comes later.
	relayIdle = 3 * time.Minute

	maxSent     = 64  // entries that are sent in one piece
	maxEarly    = 256 // entries of a group that wait for a missing one; the rest is pulled
	keptPlaces  = 32  // of the latest entries, to tell a repetition from a number given again
	keptLeavers = 64
)

// relay passes the log of one group, everyone's too, on to the members who are
// here, in its order and never backwards. An entry that comes too early waits; what
// stays missing is pulled once for all of them. Joinings and leavings act on the hub
// as they pass, so that who left is sent nothing that was written after.
//
// Who passes on does so alone and without the lock: others only queue.
type relay struct {
	node  *Node
	group int64

	mu      sync.Mutex
	last    *proto.Mark             // of the entry that was queued last; nil: nothing was heard yet
	places  [keptPlaces]*proto.Mark // of the latest ones, by number
	ready   []hub.Post              // queued, in order
	passing bool                    // somebody passes on
	early   map[int64]hub.Post      // by number, above last
	behind  *proto.Mark             // beyond last: a route told of it; nil: none
	doubt   bool                    // something does not fit: only a route can tell
	waiting bool                    // a timer runs
	pulling bool                    // a pull is queued or running
	left    []leaver                // the latest ones
	heard   time.Time
	leased  time.Time // when a lease was last asked for and had; zero: it is not known

	spared map[*session]*proto.Mark // up to where they fetch the log themselves
	spares atomic.Int32             // how many; read without mu
}

// leaver is a user who left, by the entry of that number.
type leaver struct{ user, number int64 }

// push takes an entry that a route pushed. The caller has it passed on.
func (r *relay) push(p hub.Post) {
	nobody := !r.node.hub.HasMembers(r.group)
	r.mu.Lock()
	r.heard = time.Now()
	switch {
	case r.last == nil, nobody && link.Newer(r.last, p.Mark):
		r.takeLocked(p)
	case r.followsLocked(p):
		r.takeLocked(p)
		r.drainLocked()
	case r.standsLocked(p.Mark): // a repetition
	case p.Mark.Epoch == r.last.Epoch && p.Mark.Number > r.last.Number && len(r.early) < maxEarly:
		if r.early == nil {
			r.early = make(map[int64]hub.Post)
		}
		r.early[p.Mark.Number] = p
	default:
		r.doubt = true
	}
	r.waitLocked(relayWait)
	r.mu.Unlock()
}

// observe learns from a route where the log ends.
func (r *relay) observe(newest *proto.Mark) {
	nobody := !r.node.hub.HasMembers(r.group)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = time.Now()
	switch {
	case r.last == nil, nobody && link.Newer(r.last, newest):
		r.moveLocked(newest)
	case link.Newer(r.last, newest):
		if link.Newer(r.behind, newest) {
			r.behind = newest
		}
	case r.contradictsLocked(newest):
		r.doubt = true
	}
	r.waitLocked(relayWait)
}

// leasedAt notes that a route entered the node for the group, or renewed that, when
// it was asked at a time; zero: there is no lease any more.
func (r *relay) leasedAt(asked time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leased = asked
}

// held returns where the log ends if the node holds a lease and lacks nothing that
// it knows of: all that comes behind is pushed to it. Otherwise, and while the process
// may have stood still, nil.
func (r *relay) held(now time.Time) *proto.Mark {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil || r.lacksLocked() || r.leased.IsZero() ||
		elapsed(r.leased, now) > leaseSure || !r.node.reconciler.sure(now) {
		return nil
	}
	return r.last
}

// reached returns how far the log was passed on, at least known, for a session
// that a route called a member when the log ended at known and that is in the hub
// by now: what comes later is sent to it. It is false if the user has left since.
func (r *relay) reached(user int64, known *proto.Mark) (*proto.Mark, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.left {
		if d.user == user && d.number > known.Number {
			return nil, false
		}
	}
	if r.last != nil && link.Newer(known, r.last) {
		return r.last, true
	}
	return known, true
}

// beyond is a place behind what was passed on.
func (r *relay) beyond() *proto.Mark {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		return &proto.Mark{Log: r.group, Number: 1}
	}
	return &proto.Mark{Log: r.group, Epoch: r.last.Epoch, Number: r.last.Number + 1}
}

// spare keeps from a session what is up to known, of which it is told to fetch it:
// what was not passed on yet may have been written before its user joined, and a
// route leaves that out. It is called before the session is a member in the hub.
func (r *relay) spare(s *session, known *proto.Mark) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.passing && len(r.ready) == 0 && !link.Newer(r.last, known) {
		return // all that was passed on
	}
	if r.spared == nil {
		r.spared = make(map[*session]*proto.Mark)
	}
	r.spared[s] = known
	r.spares.Store(int32(len(r.spared)))
}

// sparedTo returns up to where the session fetches the log itself; nil: it does not.
func (r *relay) sparedTo(s *session) *proto.Mark {
	if r.spares.Load() == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spared[s]
}

// passedLocked forgets who was spared what is passed on now.
func (r *relay) passedLocked(at *proto.Mark) {
	for s, known := range r.spared {
		if !link.Newer(at, known) {
			delete(r.spared, s)
		}
	}
	r.spares.Store(int32(len(r.spared)))
}

// idle reports whether nothing was heard for so long that nothing will be.
func (r *relay) idle(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Sub(r.heard) > relayIdle
}

func (r *relay) followsLocked(p hub.Post) bool {
	if r.last.Number == 0 {
		return p.Mark.Number == 1
	}
	return p.Mark.Epoch == r.last.Epoch && p.Mark.Number == r.last.Number+1 && p.Packet.Frame().Prev == r.last.Key
}

// standsLocked reports whether the entry is known to stand where it says.
func (r *relay) standsLocked(m *proto.Mark) bool {
	at := r.places[uint64(m.Number)%keptPlaces]
	return at != nil && at.Epoch == m.Epoch && at.Number == m.Number && at.Key == m.Key
}

// contradictsLocked reports whether another entry is known to stand there.
func (r *relay) contradictsLocked(m *proto.Mark) bool {
	at := r.places[uint64(m.Number)%keptPlaces]
	return at != nil && at.Epoch == m.Epoch && at.Number == m.Number && at.Key != m.Key
}

func (r *relay) takeLocked(p hub.Post) {
	r.moveLocked(p.Mark)
	r.ready = append(r.ready, p)
}

// tellLocked has the members told where the log ends, to fetch themselves what is
// before it.
func (r *relay) tellLocked(end *proto.Mark) {
	r.ready = append(r.ready, hub.Post{Packet: newestPacket(end), Mark: end})
}

func (r *relay) moveLocked(to *proto.Mark) {
	r.last = to
	r.places[uint64(to.Number)%keptPlaces] = to
	delete(r.early, to.Number)
	if r.behind != nil && !link.Newer(to, r.behind) {
		r.behind = nil
	}
}

// drainLocked takes what waited and now follows, and drops what was passed.
func (r *relay) drainLocked() {
	for {
		p, ok := r.early[r.last.Number+1]
		if !ok {
			break
		}
		if !r.followsLocked(p) {
			delete(r.early, p.Mark.Number)
			r.doubt = true
			break
		}
		r.takeLocked(p)
	}
	for number := range r.early {
		if number <= r.last.Number {
			delete(r.early, number)
		}
	}
}

// waitLocked has a pull queued after d, if one is still needed then.
func (r *relay) waitLocked(d time.Duration) {
	if r.lacksLocked() && !r.waiting && !r.pulling {
		r.waiting = true
		time.AfterFunc(d, r.due)
	}
}

func (r *relay) lacksLocked() bool { return r.doubt || r.behind != nil || len(r.early) > 0 }

func (r *relay) due() {
	r.mu.Lock()
	r.waiting = false
	start := r.lacksLocked() && !r.pulling
	if start {
		r.pulling = true
	}
	r.mu.Unlock()
	if start {
		r.node.puller.add(r)
	}
}

// pass sends what is ready, unless somebody else is at it.
func (r *relay) pass() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.passing {
		return
	}
	r.passing = true
	for len(r.ready) > 0 {
		run := r.runLocked()
		end := run[len(run)-1].Mark
		r.mu.Unlock()
		r.send(run)
		clear(run)
		r.mu.Lock()
		r.passedLocked(end)
	}
	r.ready, r.passing = nil, false
}

// runLocked takes what goes to the same members: somebody joins with its first entry
// at most, and leaves with its last.
func (r *relay) runLocked() []hub.Post {
	n := 1
	for n < min(len(r.ready), maxSent) && kind(r.ready[n-1]) != proto.Kind_LEAVE && kind(r.ready[n]) != proto.Kind_JOIN {
		n++
	}
	run := r.ready[:n:n]
	r.ready = r.ready[n:]
	for _, p := range run {
		r.noteLocked(p)
	}
	return run
}

func kind(p hub.Post) proto.Kind { return p.Packet.Frame().Kind }

// noteLocked remembers who left, before the hub learns it: a session that comes
// into the hub later finds it here.
func (r *relay) noteLocked(p hub.Post) {
	f := p.Packet.Frame()
	switch f.Kind {
	case proto.Kind_JOIN:
		r.left = slices.DeleteFunc(r.left, func(l leaver) bool { return l.user == f.From })
	case proto.Kind_LEAVE:
		if r.left = append(r.left, leaver{f.From, p.Mark.Number}); len(r.left) > keptLeavers {
			r.left = slices.Delete(r.left, 0, 1)
		}
	}
}

// send hands a run to the members who are here, but what is not to be shown. Who
// joins with it gets it, and so does who leaves with it.
func (r *relay) send(run []hub.Post) {
	first, last := run[0].Packet.Frame(), run[len(run)-1].Packet.Frame()
	if first.Kind == proto.Kind_JOIN {
		r.node.hub.Join(first.From, r.group)
	}
	shown := slices.DeleteFunc(run, func(p hub.Post) bool { return !kind(p).Shown() })
	r.node.hub.Group(r.group, shown, r.sparedTo)
	if last.Kind == proto.Kind_LEAVE {
		r.node.hub.Quit(last.From, r.group)
	}
}

// relays has a relay for each group with members here, and for those that were
// heard of lately.
type relays struct {
	node *Node

	mu   sync.Mutex
	list map[int64]*relay
}

func newRelays(n *Node) *relays { return &relays{node: n, list: make(map[int64]*relay)} }

// of returns the group's relay.
func (rs *relays) of(group int64) *relay {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.list[group]
	if r == nil {
		r = &relay{node: rs.node, group: group, heard: time.Now()}
		rs.list[group] = r
	}
	return r
}

// sweep forgets the relays that nobody needs.
func (rs *relays) sweep(now time.Time) {
	rs.mu.Lock()
	all := make([]*relay, 0, len(rs.list))
	for _, r := range rs.list {
		all = append(all, r)
	}
	rs.mu.Unlock()
	for _, r := range all {
		if r.idle(now) && !rs.node.hub.HasMembers(r.group) {
			rs.mu.Lock()
			delete(rs.list, r.group)
			rs.mu.Unlock()
		}
	}
}
