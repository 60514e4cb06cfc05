package client

import (
	"maps"
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
)

// keysKept is how many keys of messages wait for the next acknowledgement. If there are
// more, the oldest key is dropped. Then the sender of its message gets no delivery mark,
// but can call WasDelivered.
const keysKept = 10 * proto.MaxShown

// acks has the positions that were shown and are not acknowledged yet. The client's mu
// guards it.
type acks struct {
	shown map[int64]proto.Position // by log
	keys  []string                 // of messages whose senders want a delivery mark
	dirty bool
	told  time.Time // when the latest frame was returned
}

// show records that the message at the position was shown. It reports whether this
// message is the first since the latest acknowledgement.
func (a *acks) show(at proto.Position) (first bool) {
	a.shown[at.Log] = at
	first, a.dirty = !a.dirty, true
	return first
}

// confirm queues the key of a message that was just shown, so that its sender gets a
// delivery mark.
func (a *acks) confirm(key string) {
	a.keys = append(a.keys, key)
	a.keys = a.keys[max(0, len(a.keys)-keysKept):]
}

// again makes the next frame acknowledge all logs once more, because a new node may not
// have the earlier acknowledgements.
func (a *acks) again() { a.dirty = len(a.shown) > 0 }

func (a *acks) due() (time.Time, bool) {
	if len(a.keys) > 0 {
		return a.told.Add(confirmInterval), a.dirty
	}
	return a.told.Add(ackInterval), a.dirty
}

// takeAt returns the frame that is due at now, or nil.
func (a *acks) takeAt(now time.Time) *proto.Frame {
	if at, _ := a.due(); now.Before(at) {
		return nil
	}
	f := a.take()
	if f != nil {
		a.told = now
	}
	return f
}

// take returns a frame that acknowledges all that was shown, or nil if nothing is new.
// Keys for which the frame has no room are left for the next frame.
func (a *acks) take() *proto.Frame {
	if !a.dirty {
		return nil
	}
	logs := slices.Sorted(maps.Keys(a.shown))
	f := &proto.Frame{Cmd: proto.Command_ACK}
	for _, log := range logs {
		f.Cursors = append(f.Cursors, a.shown[log].Mark())
	}
	n := min(len(a.keys), proto.MaxShown)
	f.Shown, a.keys = slices.Clone(a.keys[:n]), a.keys[n:]
	a.dirty = len(a.keys) > 0
	return f
}
