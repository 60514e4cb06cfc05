package bench

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/benchwire"
	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

// mail is the traffic of a few senders to many receivers. Each receiver has a lane, in
// which one message at a time waits until it is accepted. Message n of lane i has the
// number n * lanes + i (for as many lanes). So an account uses no id twice.
type mail struct {
	// Set by newMail.
	pool    *loadclients.Pool // its first clients are the senders, unless they send by HTTP
	tag     benchwire.Tag
	senders int
	posts   bool // they send by HTTP
	text    string

	mu       sync.Mutex // guards the rest; goroutines that send by HTTP use it, too
	lanes    []lane
	begun    bool // the first messages by connection were sent
	ended    bool
	check    Check
	sent     int
	came     int
	answered int

	// Since begin.
	accepted int64
	refused  int64               // requests that the route refused for now; they were repeated
	toPeer   *procstat.Histogram // from sending a message until it was delivered
	toStore  *procstat.Histogram // from sending a message until it was accepted
}

// lane is the way from a sender to one receiver.
type lane struct {
	letter *benchwire.Letter
	from   int   // index of the sender
	to     int64 // the receiver

	sent   []time.Duration // by number within the lane
	heard  order
	copied int64 // number of the last message in the sender's log
	pushed int64 // number of the last message in the receiver's log
}

// newMail returns the traffic of users. The first users are the senders, and the parameter
// senders is their number. Each other user receives from one of them.
func newMail(seats []loadclients.Seat, senders, text int, posts bool) *mail {
	t := &mail{
		tag: benchwire.NewTag(), senders: senders, posts: posts, text: strings.Repeat("x", text),
		lanes: make([]lane, len(seats)-senders),
	}
	for i := range t.lanes {
		to := seats[senders+i].User
		t.lanes[i] = lane{letter: benchwire.NewLetter(t.tag, to, 0, text), from: i % senders, to: to}
	}
	t.begin()
	return t
}

func (t *mail) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.accepted, t.refused, t.toPeer, t.toStore = 0, 0, new(procstat.Histogram), new(procstat.Histogram)
}

func (t *mail) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
}

func (t *mail) owed() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return 2*t.sent - t.came - t.answered
}

// tick sends the first messages by connection. Every later message follows an answer.
func (t *mail) tick(now time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.begun && !t.posts {
		t.begun = true
		for i := range t.lanes {
			t.sayLocked(i, now)
		}
	}
	return never
}

// sayLocked sends the next message of a lane by connection.
func (t *mail) sayLocked(i int, now time.Duration) {
	l := &t.lanes[i]
	t.pool.Clients()[l.from].Send(l.letter.Frame(t.numberLocked(i, now)))
}

// numberLocked notes that the next message of a lane is sent, and returns its number.
func (t *mail) numberLocked(i int, now time.Duration) int {
	l := &t.lanes[i]
	n := len(l.sent)*len(t.lanes) + i
	l.sent = append(l.sent, now)
	t.sent++
	return n
}

// post sends the messages of a lane by HTTP, one after the other, until the traffic ends.
func (t *mail) post(ctx context.Context, to mailer, i int) error {
	m := &proto.SendMessage{To: t.lanes[i].to, Text: t.text}
	for {
		t.mu.Lock()
		if t.ended {
			t.mu.Unlock()
			return nil
		}
		n := t.numberLocked(i, t.pool.Now())
		t.mu.Unlock()
		m.ID = t.tag.ID(n)
		receipt, err := t.deliver(ctx, to, i, m)
		if err != nil {
			return err
		}
		t.mu.Lock()
		t.acceptedLocked(n, receipt.At.Number, t.pool.Now())
		t.mu.Unlock()
	}
}

// deliver repeats a request until the message is accepted.
func (t *mail) deliver(ctx context.Context, to mailer, i int, m *proto.SendMessage) (proto.SendReceipt, error) {
	for {
		receipt, later, err := to.send(ctx, t.lanes[i].from, m)
		if later == 0 || err == nil {
			return receipt, err
		}
		t.mu.Lock()
		t.refused++
		t.mu.Unlock()
		if !retry.Sleep(ctx, later) {
			return receipt, err
		}
	}
}

// Read implements loadclients.Traffic.
func (t *mail) Read(c *loadclients.Client, b []byte) (taken int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.pool.Now()
	take := func(c *loadclients.Client, h *benchwire.Head, _ []byte) error { return t.frameLocked(c, h, now) }
	return t.pool.Frames(c, b, take)
}

func (t *mail) frameLocked(c *loadclients.Client, h *benchwire.Head, now time.Duration) error {
	n, ok := h.Number(&t.tag)
	if !ok {
		return nil // a message of somebody else, in a system that others use, too
	}
	i := n % len(t.lanes)
	l := &t.lanes[i]
	if k := n / len(t.lanes); k >= len(l.sent) {
		return fmt.Errorf("message %d of a lane comes, and %d were sent", k, len(l.sent))
	}
	if h.Cmd == proto.Command_SEND_ANSWER {
		if h.Code != proto.OK {
			return fmt.Errorf("a message is refused: %v %s", h.Code, h.Text)
		}
		t.acceptedLocked(n, h.Place, now)
		if !t.ended {
			t.sayLocked(i, now)
		}
		return nil
	}
	if c.User != l.to {
		return fmt.Errorf("a message to user %d comes to user %d", l.to, c.User)
	}
	t.cameLocked(l, n/len(t.lanes), h.Place, now)
	return nil
}

func (t *mail) acceptedLocked(n int, place int64, now time.Duration) {
	l := &t.lanes[n%len(t.lanes)]
	rise(&t.check, &l.copied, place)
	t.answered++
	t.accepted++
	t.toStore.Record(now - l.sent[n/len(t.lanes)])
}

// cameLocked notes a delivery of message k of a lane.
func (t *mail) cameLocked(l *lane, k int, place int64, now time.Duration) {
	if k == l.heard.next { // any other message is early or comes twice
		rise(&t.check, &l.pushed, place)
	}
	l.heard.note(k, &t.check)
	t.came++
	t.check.Messages++
	t.toPeer.Record(now - l.sent[k])
}

func (t *mail) verdict() Check {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.check
	c.Unanswered = int64(t.sent - t.answered)
	for i := range t.lanes {
		c.Lost += t.lanes[i].heard.missing(len(t.lanes[i].sent))
	}
	return c
}

func (t *mail) figures(used usage) []Figure {
	t.mu.Lock()
	defer t.mu.Unlock()
	figures := []Figure{rate("messages", t.accepted, used.took)}
	figures = append(figures, used.perEvent("a message", t.accepted)...)
	figures = append(figures, latency("accepted", t.toStore)...)
	figures = append(figures, typical("delivered", t.toPeer)...)
	if t.posts {
		figures = append(figures, Figure{"refused for now", unitCount, float64(t.refused)})
	}
	return figures
}
