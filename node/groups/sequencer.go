package groups

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/node/standstill"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/order"
)

const (
	// pullWait is the least time before a pull, because missing entries may be on their
	// way.
	pullWait  = order.EarlyWait * time.Millisecond
	pullRetry = time.Second // after a pull that did not help
	// A route's answer with an end of the log far behind the pushed entries counts as
	// late, and not as a loss, for up to lateAnswer.
	lateAnswer = 10 * time.Second
	// idleTime is longer than a lease. After it, no entry of a group without members
	// comes any more.
	idleTime = 3 * time.Minute
	// leaseSure is how long the node relies on a lease after its last renewal. Renewals
	// come every 30 s, and a lease ends after two minutes.
	leaseSure = time.Minute
)

// Sequencer sends the log of one group to the members who are here, in its order and
// never backwards. An entry that comes too early waits. Entries that stay missing are
// pulled once for all members. It is safe for concurrent use.
type Sequencer[P Member] struct {
	config *Config[P]
	group  int64

	mu       sync.Mutex
	follower *order.Follower[hub.Post] // stands at the entry that was queued last; nil: no place of the log is known yet
	last     *proto.Mark               // where it stood when Last was last called
	ready    []hub.Post                // queued, in order
	sending  bool                      // a goroutine is in Send
	timer    *time.Timer               // for the next pull; nil: never needed
	due      time.Time                 // when the timer fires; zero: it does not run
	pulling  bool                      // a pull is queued or running
	left     []leaver                  // the latest ones
	heard    time.Time                 // when a route last sent something of the group
	moved    time.Time                 // when a push was queued last
	leased   time.Time                 // when the request for the last lease left; zero: there is none

	spared map[P]*proto.Mark // by member: up to where it fetches the log itself
	spares atomic.Int32      // how many; read without mu
}

// Push takes an entry that a route pushed. The caller must call Send afterwards.
func (s *Sequencer[P]) Push(p hub.Post) {
	nobody := !s.config.Hub.HasMembers(s.group)
	e := order.Entry[hub.Post]{At: p.Mark.Place(), Prev: p.Packet.Frame().Prev, Size: textSize(p), Item: p}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = now
	queued := len(s.ready)
	if s.beginsLocked(nobody, e.At) {
		s.ready = append(s.ready, p)
	} else {
		s.ready = s.follower.Push(s.ready, e)
	}
	if len(s.ready) > queued {
		s.moved = now
	}
	s.waitLocked(now, pullWait)
}

// Observe takes the log's end from a route's answer.
func (s *Sequencer[P]) Observe(newest *proto.Mark) {
	nobody := !s.config.Hub.HasMembers(s.group)
	end, now := newest.Place(), time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = now
	if !s.beginsLocked(nobody, end) && !s.overtookLocked(end, now) {
		s.follower.Observe(end)
	}
	s.waitLocked(now, pullWait)
}

// beginsLocked lets the log begin at a place if no place of it is known, or if no
// member here could get the missing entries. It reports whether it did.
func (s *Sequencer[P]) beginsLocked(nobody bool, at order.Place) bool {
	switch {
	case s.follower == nil:
		s.follower = order.New[hub.Post](at)
	case nobody && further(s.follower.Last(), at):
		s.follower.Skip(at)
	default:
		return false
	}
	return true
}

// further reports whether a place is beyond another, or in another epoch.
func further(from, at order.Place) bool { return at.Epoch != from.Epoch || at.Number > from.Number }

// overtookLocked reports whether the pushed entries are far beyond the end in a route's
// answer. If the log did lose that many entries, its next push does not fit.
func (s *Sequencer[P]) overtookLocked(end order.Place, now time.Time) bool {
	last := s.follower.Last()
	return end.Epoch == last.Epoch && end.Number < last.Number-order.Kept && now.Sub(s.moved) < lateAnswer
}

// Status is the state of a Sequencer.
type Status struct {
	Last   *proto.Mark // where the log was queued up to; nil: no place of it is known. It must not be changed
	Early  int64       // entries between Last and the furthest that came
	Lacks  bool        // something is missing
	Spared int         // members that fetch a part of the log themselves
}

// Status returns the state, for tests and diagnosis.
func (s *Sequencer[P]) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.follower == nil {
		return Status{Spared: len(s.spared)}
	}
	return Status{
		Last: s.lastLocked(), Early: s.follower.Furthest().Number - s.follower.Last().Number, Lacks: s.follower.Lacks(),
		Spared: len(s.spared),
	}
}

// lastLocked returns the place up to which the log was queued. The caller must not change
// it.
func (s *Sequencer[P]) lastLocked() *proto.Mark {
	if at := s.follower.Last(); s.last == nil || s.last.Place() != at {
		s.last = proto.At(s.group, at).Mark()
	}
	return s.last
}

// leasedAt records that a route gave or renewed a lease of the group. The request left at
// the given time. Zero means that there is no lease any more.
func (s *Sequencer[P]) leasedAt(left time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leased = left
}

// held returns the end of the log if the node holds a fresh lease and knows of no
// missing entry. All later entries are then pushed to it. Otherwise, and while the
// process may have stood still, held returns nil.
func (s *Sequencer[P]) held(now time.Time) *proto.Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.follower == nil || s.follower.Lacks() || s.leased.IsZero() ||
		standstill.Elapsed(s.leased, now) > leaseSure || !s.config.Process.Sure(now) {
		return nil
	}
	return s.lastLocked()
}

// idle reports whether no route has sent anything for so long that no entry will come
// any more.
func (s *Sequencer[P]) idle(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Sub(s.heard) > idleTime
}

// waitLocked queues a pull for the time when one is due, but after d at the earliest.
func (s *Sequencer[P]) waitLocked(now time.Time, d time.Duration) {
	ms, due := s.follower.Due()
	if !due || s.pulling {
		return
	}
	d = max(d, time.Duration(ms)*time.Millisecond)
	at := now.Add(d)
	switch {
	case s.timer == nil:
		s.timer = time.AfterFunc(d, s.fire)
	case s.due.IsZero() || at.Before(s.due):
		s.timer.Reset(d)
	default:
		return
	}
	s.due = at
}

// fire queues a pull, if one is still needed.
func (s *Sequencer[P]) fire() {
	s.mu.Lock()
	s.due = time.Time{}
	_, due := s.follower.Due()
	start := due && !s.pulling
	if start {
		s.pulling = true
	}
	s.mu.Unlock()
	if start {
		s.config.Queue.Add(s)
	}
}
