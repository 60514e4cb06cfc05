package groups

import (
	"github.com/cim-go/cim/proto"
)

// Reached returns the place up to which a session that opens must fetch the log. Later
// entries are sent to the session. The parameter known is the place where the log ended
// when a route found the user to be a member. The result is that place or a later one.
// Reached returns false if the user has left since. The session must be in the hub
// already.
func (s *Sequencer[P]) Reached(user int64, known *proto.Mark) (*proto.Mark, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.left {
		if l.user == user && l.number > known.Number {
			return nil, false
		}
	}
	if s.follower != nil && further(known.Place(), s.follower.Last()) {
		return s.lastLocked(), true
	}
	return known, true
}

// Beyond returns a place after all entries that were sent. A session that is no member
// any more fetches the log up to this place.
func (s *Sequencer[P]) Beyond() *proto.Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.follower == nil {
		return &proto.Mark{Log: s.group, Number: 1}
	}
	last := s.follower.Last()
	return &proto.Mark{Log: s.group, Epoch: last.Epoch, Number: last.Number + 1}
}

// Spare makes the Sequencer send member only entries after the place known, because the
// member's session fetches the others itself. Some of the others may be older than the
// joining of the user. A route leaves these older ones out when the session fetches the
// log. Call Spare before the session is a member in the hub.
func (s *Sequencer[P]) Spare(member P, known *proto.Mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.sending && len(s.ready) == 0 && s.follower != nil && !further(s.follower.Last(), known.Place()) {
		return // all entries up to known were sent before
	}
	if s.spared == nil {
		s.spared = make(map[P]*proto.Mark)
	}
	s.spared[member] = known
	s.spares.Store(int32(len(s.spared)))
}

// sparedTo returns the place up to which the member fetches the log itself, or nil.
func (s *Sequencer[P]) sparedTo(member P) *proto.Mark {
	if s.spares.Load() == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spared[member]
}

// sentLocked is called when all entries up to a mark (at) have been sent. If a member
// fetches the log itself only up to that mark, sentLocked removes the member from spared.
func (s *Sequencer[P]) sentLocked(at *proto.Mark) {
	for member, known := range s.spared {
		if !proto.Newer(at, known) {
			delete(s.spared, member)
		}
	}
	s.spares.Store(int32(len(s.spared)))
}
