package bench

import (
	"bytes"
	"fmt"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/benchwire"
	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
	"github.com/cim-go/cim/proto"
)

// outstanding is how many messages may be under way in a room whose publisher writes as
// fast as possible. A message is under way until the last member has it. A publisher that
// waited only for the store would run ahead of the deliveries. Then nodes would drop
// pushes, and members would have to pull.
const outstanding = 64

// room is the traffic of one publisher and many members. Client 0 writes, and all others
// receive.
type room struct {
	pool   *loadclients.Pool
	tag    benchwire.Tag
	letter *benchwire.Letter
	pace   *pace // nil: as fast as possible
	ended  bool
	answer bool // the server answers a send

	messages []message
	members  []order // by client
	check    Check

	whole    int // how many messages all members have
	answered int

	// Since begin.
	begun      int // how many messages were sent before begin
	deliveries int64
	toMember   *procstat.Histogram // from sending a message until a member has it
	toLast     *procstat.Histogram // from sending a message until the last member has it
	toStore    *procstat.Histogram // from sending a message until it is answered
}

// message is a message that was sent.
type message struct {
	sent  time.Duration
	left  int    // how many members do not have it yet
	place int64  // its number in the log; zero: not known
	frame []byte // the frame with which the first member got it; nil: no member has it, or all have
}

// newRoom returns the traffic of a room. The parameter clients counts the publisher, too.
func newRoom(clients int, group int64, text int, pace *pace, answer bool) *room {
	tag := benchwire.NewTag()
	r := &room{
		tag: tag, letter: benchwire.NewLetter(tag, 0, group, text), pace: pace, answer: answer, members: make([]order, clients),
	}
	r.begin()
	return r
}

func (r *room) begin() {
	r.begun, r.deliveries = len(r.messages), 0
	r.toMember, r.toLast, r.toStore = new(procstat.Histogram), new(procstat.Histogram), new(procstat.Histogram)
}

func (r *room) stop() { r.ended = true }

func (r *room) owed() int {
	owed := len(r.messages) - r.whole
	if r.answer {
		owed += len(r.messages) - r.answered
	}
	return owed
}

func (r *room) tick(now time.Duration) time.Duration {
	if r.pace == nil {
		for !r.ended && len(r.messages)-r.whole < outstanding {
			r.publish(now)
		}
		return never
	}
	for at, ok := r.pace.due(now); ok; at, ok = r.pace.due(now) {
		r.publish(at)
	}
	return r.pace.next - now
}

func (r *room) publish(at time.Duration) {
	r.pool.Clients()[0].Send(r.letter.Frame(len(r.messages)))
	r.messages = append(r.messages, message{sent: at, left: len(r.members) - 1})
}

// Read implements loadclients.Traffic. All members get the same bytes. So Read does not
// decode a message that another member got before, and only compares the bytes.
func (r *room) Read(c *loadclients.Client, b []byte) (taken int) {
	now := r.pool.Now()
	for taken < len(b) {
		n := r.again(c, b[taken:], now)
		if n == 0 {
			n = r.frame(c, b[taken:], now)
		}
		if n == 0 {
			break
		}
		taken += n
	}
	return taken
}

// again reads the next message from b if another member got the same bytes. If not, it
// returns zero.
func (r *room) again(c *loadclients.Client, b []byte, now time.Duration) (taken int) {
	next := r.members[c.Index].next
	if next >= len(r.messages) {
		return 0
	}
	frame := r.messages[next].frame
	if frame == nil || !bytes.HasPrefix(b, frame) {
		return 0
	}
	r.deliver(c, next, now)
	return len(frame)
}

// frame reads any frame from the beginning of b.
func (r *room) frame(c *loadclients.Client, b []byte, now time.Duration) (taken int) {
	return r.pool.Frame(c, b, func(c *loadclients.Client, h *benchwire.Head, whole []byte) error {
		n, ok := h.Number(&r.tag)
		switch {
		case !ok:
			return nil // a message of somebody else, in a system that others use, too
		case n >= len(r.messages):
			return fmt.Errorf("message %d comes, and %d were sent", n, len(r.messages))
		case h.Cmd == proto.Command_SEND_ANSWER:
			return r.answers(n, h, now)
		}
		if m := &r.messages[n]; m.frame == nil && m.left == len(r.members)-1 {
			m.frame, m.place = bytes.Clone(whole), h.Place
		}
		r.deliver(c, n, now)
		return nil
	})
}

func (r *room) answers(n int, h *benchwire.Head, now time.Duration) error {
	if h.Code != proto.OK {
		return fmt.Errorf("a message is refused: %v %s", h.Code, h.Text)
	}
	r.answered++
	r.toStore.Record(now - r.messages[n].sent)
	return nil
}

func (r *room) deliver(c *loadclients.Client, n int, now time.Duration) {
	r.members[c.Index].note(n, &r.check)
	m := &r.messages[n]
	m.left--
	r.deliveries++
	r.check.Messages++
	r.toMember.Record(now - m.sent)
	if m.left == 0 {
		m.frame = nil
		r.whole++
		r.toLast.Record(now - m.sent)
	}
}

func (r *room) verdict() Check {
	c := r.check
	if r.answer {
		c.Unanswered = int64(len(r.messages) - r.answered)
	}
	for i := range r.members[1:] {
		c.Lost += r.members[1+i].missing(len(r.messages))
	}
	var last int64
	for _, m := range r.messages {
		if m.place > 0 && m.place <= last {
			c.Swapped++
		}
		last = max(last, m.place)
	}
	return c
}

func (r *room) figures(used usage) []Figure {
	figures := []Figure{
		rate("deliveries", r.deliveries, used.took),
		rate("messages", int64(len(r.messages)-r.begun), used.took),
	}
	figures = append(figures, used.perEvent("a delivery", r.deliveries)...)
	figures = append(figures, latency("delivered", r.toMember)...)
	figures = append(figures, typical("all have it", r.toLast)...)
	return append(figures, typical("accepted", r.toStore)...)
}
