package client

import (
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/order"
)

// queueMax is how many entries wait for the application. Further entries stay in their
// logs and are read when there is room.
const queueMax = 1024

// inbox has the entries that were received and not shown yet. The client's mu
// guards it.
type inbox struct {
	logs  map[int64]*followed
	queue []delivery      // the entries, in the order in which they are shown
	sent  map[string]bool // ids of own messages that are not in the history yet
}

func (in *inbox) room() int { return max(0, queueMax-len(in.queue)) }

// delivery is an entry of a log on its way to the application.
type delivery struct {
	at      proto.Position
	message *proto.Message // nil: there is nothing to show, and only the position is kept
	own     bool           // this client has sent it, so it is stored in the history and not shown
}

// followed is a log that the client follows. The client's mu guards it.
type followed struct {
	*order.Follower[delivery]
	since time.Time // the time from which the method due counts; zero: nothing is missing, or the log was just read
}

// due returns when to read the log next; the zero time means at once. It returns false if
// no entry is missing.
func (f *followed) due(now time.Time) (at time.Time, ok bool) {
	ms, ok := f.Due()
	switch {
	case !ok:
		f.since = time.Time{}
	case f.since.IsZero():
		f.since = now
	}
	if ms == 0 {
		return time.Time{}, ok
	}
	return f.since.Add(time.Duration(ms) * time.Millisecond), ok
}

// behind returns how many known entries of the log come after the last one that was
// received.
func (f *followed) behind() int64 { return f.Furthest().Number - f.Last().Number }

// places converts positions of one log to places, which do not name the log.
func places(positions []proto.Position) []order.Place {
	list := make([]order.Place, len(positions))
	for i, p := range positions {
		list[i] = p.Place()
	}
	return list
}
