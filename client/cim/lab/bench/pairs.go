package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/benchwire"
	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
	"github.com/cim-go/cim/proto"
)

// pairs returns the loads in which users write to each other in pairs.
func (b *bench) pairs() []load {
	about := fmt.Sprintf("%d pairs, each message answered by one", b.Pairs)
	return []load{
		{
			Name: "pairs, closed", About: about + ", as fast as answers come", forms: b.forms(1),
			run: func(ctx context.Context, s system) ([]Figure, Check, error) { return b.inPairs(ctx, s, nil) },
		},
		{
			Name: "pairs, paced", About: fmt.Sprintf("%s, %g messages a second", about, b.Rate), forms: b.forms(1),
			run: func(ctx context.Context, s system) ([]Figure, Check, error) {
				questions := newPace(b.Rate / 2) // the other half of the messages are answers
				return b.inPairs(ctx, s, &questions)
			},
		},
	}
}

func (b *bench) inPairs(ctx context.Context, s system, pace *pace) ([]Figure, Check, error) {
	seats, err := b.seats(ctx, s, 2*b.Pairs)
	if err != nil {
		return nil, Check{}, err
	}
	_, bare := s.(bare)
	t := newTalk(seats, b.Text, pace, !bare)
	used, err := b.talk(ctx, s, t, seats)
	if err != nil {
		return nil, Check{}, err
	}
	defer t.pool.Close()
	return t.figures(used), t.verdict(), nil
}

// talk connects the users of a talk and measures it. If it returns no error, the caller
// must close t.pool.
func (b *bench) talk(ctx context.Context, s system, t *talk, seats []loadclients.Seat) (used usage, err error) {
	if t.pool, err = loadclients.New(t, false); err != nil {
		return used, err
	}
	if err = seat(ctx, t.pool, seats); err == nil {
		used, err = b.drive(ctx, s, t.pool, t)
	}
	if err != nil {
		t.pool.Close()
	}
	return used, err
}

// talk is the traffic of pairs. Clients 0 and 1 are the first pair, 2 and 3 the next one,
// and so on. The first client of a pair asks, and the second one answers.
type talk struct {
	pool   *loadclients.Pool
	tag    benchwire.Tag
	pace   *pace // nil: the next question follows the answer
	ended  bool
	answer bool // the server answers a send
	oneWay bool // no client answers its peer, and all clients ask

	talkers []talker // by client
	next    int      // the client that asks next, if there is a pace
	check   Check

	sent, came, answered int // messages

	// Since begin.
	delivered int64
	toPeer    *procstat.Histogram // from sending a message until it was delivered
	toStore   *procstat.Histogram // from sending a message until it was answered
}

// talker is one client of a pair.
type talker struct {
	letter *benchwire.Letter
	sent   []time.Duration // by number
	heard  order           // which messages of the peer have come
	copied int64           // number of this client's last message in its own log
	pushed int64           // number of the peer's last message in that log
}

func newTalk(seats []loadclients.Seat, text int, pace *pace, answer bool) *talk {
	t := &talk{tag: benchwire.NewTag(), pace: pace, answer: answer, talkers: make([]talker, len(seats))}
	t.address(seats, text)
	t.begin()
	return t
}

// address sets the receiver of each client's messages.
func (t *talk) address(seats []loadclients.Seat, text int) {
	for i := range t.talkers {
		t.talkers[i].letter = benchwire.NewLetter(t.tag, seats[i^1].User, 0, text)
	}
}

func (t *talk) begin() {
	t.delivered, t.toPeer, t.toStore = 0, new(procstat.Histogram), new(procstat.Histogram)
}

func (t *talk) stop() { t.ended = true }

func (t *talk) owed() int {
	owed := t.sent - t.came
	if t.answer {
		owed += t.sent - t.answered
	}
	return owed
}

func (t *talk) tick(now time.Duration) time.Duration {
	if t.pace == nil {
		for t.next < len(t.talkers) { // send the first questions
			t.say(t.next, now)
			t.next += 2
		}
		return never
	}
	for at, ok := t.pace.due(now); ok; at, ok = t.pace.due(now) {
		t.say(t.turn(), at)
	}
	return t.pace.next - now
}

// turn returns the client that asks now.
func (t *talk) turn() int {
	i, step := t.next, 2
	if t.oneWay {
		step = 1
	}
	t.next = (i + step) % len(t.talkers)
	return i
}

func (t *talk) say(i int, at time.Duration) {
	from := &t.talkers[i]
	t.pool.Clients()[i].Send(from.letter.Frame(len(from.sent)))
	from.sent = append(from.sent, at)
	t.sent++
}

// Read implements loadclients.Traffic.
func (t *talk) Read(c *loadclients.Client, b []byte) (taken int) {
	now := t.pool.Now()
	take := func(c *loadclients.Client, h *benchwire.Head, _ []byte) error { return t.frame(c, h, now) }
	return t.pool.Frames(c, b, take)
}

func (t *talk) frame(c *loadclients.Client, h *benchwire.Head, now time.Duration) error {
	n, ok := h.Number(&t.tag)
	if !ok {
		return nil // a message of somebody else, in a system that others use, too
	}
	self, peer := &t.talkers[c.Index], &t.talkers[c.Index^1]
	if h.Cmd == proto.Command_SEND_ANSWER {
		if h.Code != proto.OK {
			return fmt.Errorf("a message is refused: %v %s", h.Code, h.Text)
		}
		rise(&t.check, &self.copied, h.Place)
		if n >= len(self.sent) {
			return fmt.Errorf("message %d is answered, and %d were sent", n, len(self.sent))
		}
		t.answered++
		t.toStore.Record(now - self.sent[n])
		return nil
	}
	if n >= len(peer.sent) {
		return fmt.Errorf("message %d comes, and %d were sent", n, len(peer.sent))
	}
	if n == self.heard.next { // any other message is early or comes twice
		rise(&t.check, &self.pushed, h.Place)
	}
	self.heard.note(n, &t.check)
	t.came++
	t.delivered++
	t.check.Messages++
	t.toPeer.Record(now - peer.sent[n])
	if answers := c.Index%2 == 1 && !t.oneWay; answers || t.pace == nil && !t.ended {
		t.say(c.Index, now)
	}
	return nil
}

func (t *talk) verdict() Check {
	c := t.check
	if t.answer {
		c.Unanswered = int64(t.sent - t.answered)
	}
	for i := range t.talkers {
		c.Lost += t.talkers[i].heard.missing(len(t.talkers[i^1].sent))
	}
	return c
}

func (t *talk) figures(used usage) []Figure {
	figures := []Figure{rate("messages", t.delivered, used.took)}
	figures = append(figures, used.perEvent("a message", t.delivered)...)
	figures = append(figures, latency("delivered", t.toPeer)...)
	return append(figures, typical("accepted", t.toStore)...)
}
