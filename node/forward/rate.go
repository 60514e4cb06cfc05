package forward

import (
	"time"

	"github.com/cim-go/cim/proto"
)

const (
	// longestWait is the longest time for which a sender over its rate waits before its
	// messages are tried again.
	longestWait = time.Second
	// shortestWait is the shortest such time. Without it, each of the sender's messages
	// would be tried alone.
	shortestWait = 200 * time.Millisecond
	// mostTried is how many messages of such a sender go into one request.
	mostTried = 8
)

// rate records, from the routes' answers, whether a sender sends more messages than
// routes accept from it (over its rate). If so, its messages wait at the node. A message
// that was refused for the rate is stored nowhere, so it is sent again without a mark.
// The queue owns the rate. The zero rate lets everything pass.
type rate struct {
	until   time.Time // nothing goes before this
	limited bool      // a message was refused, and none was accepted since
	taken   int       // how many messages were chosen for the next request
}

// learn handles the result of a message.
func (r *rate) learn(result *proto.SendResult, now time.Time) {
	switch proto.Code(result.Code) {
	case proto.Limited:
		wait := time.Duration(result.Wait) * time.Millisecond
		r.limited, r.until = true, now.Add(min(max(wait, shortestWait), longestWait))
	case proto.OK:
		r.limited = false
	}
}

// lets reports whether one more message may go now, and counts it.
func (r *rate) lets(now time.Time) bool {
	if now.Before(r.until) || r.limited && r.taken >= mostTried {
		return false
	}
	r.taken++
	return true
}
