package groups

import (
	"slices"

	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/proto"
)

const (
	maxPieceEntries = 64        // the largest number of entries in one piece
	maxPiece        = 128 << 10 // the largest size of the texts in one piece, in bytes, so that the piece fits into an outbox
	keptLeavers     = 64
)

// leaver is a user who left the group, and the number of the entry about that.
type leaver struct{ user, number int64 }

// Send sends the entries that are ready. If another goroutine is in Send, that one
// sends them.
func (s *Sequencer[P]) Send() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sending {
		return
	}
	s.sending = true
	for len(s.ready) > 0 {
		piece := s.pieceLocked()
		end := piece[len(piece)-1].Mark
		s.mu.Unlock()
		s.send(piece)
		clear(piece)
		s.mu.Lock()
		s.sentLocked(end)
	}
	s.ready, s.sending = nil, false
}

// pieceLocked takes from ready the next entries that go to the same members. Only the
// first entry of a piece may be a joining, and only the last one a leaving.
func (s *Sequencer[P]) pieceLocked() []hub.Post {
	n, size := 1, textSize(s.ready[0])
	for n < min(len(s.ready), maxPieceEntries) && size+textSize(s.ready[n]) <= maxPiece && kind(s.ready[n-1]) != proto.Kind_LEAVE && kind(s.ready[n]) != proto.Kind_JOIN {
		size += textSize(s.ready[n])
		n++
	}
	piece := s.ready[:n:n]
	s.ready = s.ready[n:]
	for _, p := range piece {
		s.noteLocked(p)
	}
	return piece
}

func textSize(p hub.Post) int { return len(p.Packet.Frame().ReqMsg) }

func kind(p hub.Post) proto.Kind { return p.Packet.Frame().Kind }

// noteLocked records who leaves by the entry p. The user quits the group in the hub only
// later. If a session of the user enters the hub in between, Reached already knows that
// the user has left.
func (s *Sequencer[P]) noteLocked(p hub.Post) {
	f := p.Packet.Frame()
	switch f.Kind {
	case proto.Kind_JOIN:
		s.left = slices.DeleteFunc(s.left, func(l leaver) bool { return l.user == f.From })
	case proto.Kind_LEAVE:
		if s.left = append(s.left, leaver{f.From, p.Mark.Number}); len(s.left) > keptLeavers {
			s.left = slices.Delete(s.left, 0, 1)
		}
	}
}

// send sends a piece to the members who are here. It leaves out entries that clients
// are not shown. A user who joins or leaves by an entry of the piece gets that entry,
// too.
func (s *Sequencer[P]) send(piece []hub.Post) {
	first, last := piece[0].Packet.Frame(), piece[len(piece)-1].Packet.Frame()
	if first.Kind == proto.Kind_JOIN {
		s.config.Hub.Join(first.From, s.group)
	}
	shown := slices.DeleteFunc(piece, func(p hub.Post) bool { return !kind(p).Shown() })
	s.config.Hub.Group(s.group, shown, s.sparedTo)
	if last.Kind == proto.Kind_LEAVE {
		s.config.Hub.Quit(last.From, s.group)
	}
}
