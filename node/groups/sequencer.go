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
	// pullWait is the least time to wait before a pull, because missing entries may be
	// on their way.
	pullWait  = order.EarlyWait * time.Millisecond
	pullRetry = time.Second // pause after a pull that brought nothing new
	// A route's answer may say that the log ends far before the last pushed entry. If the
	// answer comes within lateAnswer of that push, it counts as late, and not as a sign
	// of a loss.
	lateAnswer = 10 * time.Second
	// idleTime is how long a group without members here must be silent to be removed.
	// It is longer than a lease, so no entry comes any more.
	idleTime = 3 * time.Minute
	// leaseSure is how long the node relies on a lease after the last renewal. The node
	// renews leases every 30 s, and a lease ends after two minutes.
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
	last     *proto.Mark               // the result of the latest call of lastLocked
	ready    []hub.Post                // entries to send, in order
	sending  bool                      // a goroutine is in Send
	timer    *time.Timer               // fires for the next pull; nil: none was needed yet
	due      time.Time                 // when the timer fires; zero: it does not run
	pulling  bool                      // a pull is queued or running
	left     []leaver                  // the users who left, only the latest ones
	heard    time.Time                 // when a route last sent something about the group
	moved    time.Time                 // when a pushed entry was last put into ready
	leased   time.Time                 // when the request for the latest lease left; zero: there is no lease

	spared map[P]*proto.Mark // up to which place a member fetches the log itself
	spares atomic.Int32      // length of spared; read without mu
}

// Push queues an entry that a route pushed. The caller must call Send afterwards.
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

// Observe handles the log's end from a route's answer.
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

// If the sequencer knows no place of the log yet, beginsLocked makes it continue at the
// given place. If no member is here (nobody is true), it also does so when that place is
// further than the sequencer's last one. Otherwise it does nothing and returns false.
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

// further reports whether the second place is after the first one, or in another epoch.
func further(from, at order.Place) bool { return at.Epoch != from.Epoch || at.Number > from.Number }

// overtookLocked reports whether pushes have overtaken a route's answer, so that the
// caller must ignore the answer's end. An end that lies far before our last place normally
// means that the log has lost entries. But if entries were pushed lately, the answer may
// only be older than these. If the log really lost that many entries, its next push does
// not fit, which shows the loss.
func (s *Sequencer[P]) overtookLocked(end order.Place, now time.Time) bool {
	last := s.follower.Last()
	return end.Epoch == last.Epoch && end.Number < last.Number-order.Kept && now.Sub(s.moved) < lateAnswer
}

// Status is the state of a Sequencer.
type Status struct {
	Last   *proto.Mark // up to where the log was queued; nil: no place of it is known. It must not be changed
	Early  int64       // how many entries lie between Last and the furthest one that came
	Lacks  bool        // entries are missing
	Spared int         // how many members fetch a part of the log themselves
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

// leasedAt records that a route gave or renewed a lease of the group. The parameter left
// is the time at which the request left the node. If left is zero, there is no lease any
// more.
func (s *Sequencer[P]) leasedAt(left time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leased = left
}

// held returns the end of the log if the node holds a fresh lease and knows of no missing
// entry. All later entries are then pushed to the node. Otherwise, and while the process
// may have stood still, held returns nil.
func (s *Sequencer[P]) held(now time.Time) *proto.Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.follower == nil || s.follower.Lacks() || s.leased.IsZero() ||
		standstill.Elapsed(s.leased, now) > leaseSure || !s.config.Process.Sure(now) {
		return nil
	}
	return s.lastLocked()
}

// idle reports whether routes have been silent about the group for so long that no entry
// will come any more.
func (s *Sequencer[P]) idle(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Sub(s.heard) > idleTime
}

// waitLocked starts the timer for the next pull, if entries are missing. The timer fires
// after the duration d at the earliest.
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
