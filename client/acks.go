package client

import (
	"maps"
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
)

// acks is what was shown, and when that is told. The client's mu guards it.
type acks struct {
	shown map[int64]proto.Position // by log
	dirty bool
	next  time.Time // not told again before
}

// show notes that at was shown. It reports whether that is the first since the
// latest frame.
func (a *acks) show(at proto.Position) (first bool) {
	a.shown[at.Log] = at
	first, a.dirty = !a.dirty, true
	return first
}

// again tells everything once more, to a node that may know nothing of it.
func (a *acks) again() { a.dirty = len(a.shown) > 0 }

func (a *acks) due() (time.Time, bool) { return a.next, a.dirty }

// takeAt returns the frame that is due, or nil.
func (a *acks) takeAt(now time.Time) *proto.Frame {
	if now.Before(a.next) {
		return nil
	}
	f := a.take()
	if f != nil {
		a.next = now.Add(ackInterval)
	}
	return f
}

// take returns the frame that tells what was shown, or nil if that was told.
func (a *acks) take() *proto.Frame {
	if !a.dirty {
		return nil
	}
	a.dirty = false
	logs := slices.Sorted(maps.Keys(a.shown))
	f := &proto.Frame{Cmd: proto.Command_ACK}
	for _, log := range logs {
		f.Cursors = append(f.Cursors, a.shown[log].Mark())
	}
	return f
}
