package forward

import (
	"time"

	"github.com/cim-go/cim/proto"
)

const (
	// longestWait bounds how long a sender's messages wait for its rate before they are
	// tried again.
	longestWait = time.Second
	// shortestWait is how long they wait at least, so that a sender over its rate does not
	// have each message tried alone.
	shortestWait = 200 * time.Millisecond
	// mostTried is how many messages of such a sender go into one request.
	mostTried = 8
)

// rate is what a route's answers show of a sender's rate. While the sender is over it, its
// messages wait at the node. Such a message is stored nowhere, so that it goes again
// unmarked. It is owned by the queue. The zero rate lets everything pass.
type rate struct {
	until   time.Time // nothing goes before this
	limited bool      // a message was refused, and none was accepted since
	taken   int       // for the next request
}

// learn takes the result of a message.
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
