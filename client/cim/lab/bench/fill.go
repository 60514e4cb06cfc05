package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/benchwire"
	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
	"github.com/cim-go/cim/proto"
)

// fillAtOnce is how many messages of each user are under way while logs are filled.
const fillAtOnce = 16

// fill puts entries into the logs of the first n users. They write to themselves, because
// such a message is one entry of one log.
func (b *bench) fill(ctx context.Context, s system, n, entries int) error {
	if entries == 0 {
		return nil
	}
	seats, err := s.login(ctx, 0, n)
	if err != nil {
		return err
	}
	f := newFiller(seats, entries, b.Text)
	if f.pool, err = loadclients.New(f, false); err != nil {
		return err
	}
	defer f.pool.Close()
	if err := seat(ctx, f.pool, seats); err != nil {
		return err
	}
	for i, c := range f.pool.Clients() {
		for range fillAtOnce {
			f.say(i, c)
		}
	}
	for f.left > 0 {
		if err := f.pool.Poll(ctx, time.Second); err != nil {
			return err
		}
	}
	return nil
}

// filler is the traffic of users who write to themselves.
type filler struct {
	pool    *loadclients.Pool
	tag     benchwire.Tag
	letters []*benchwire.Letter // by client
	sent    []int               // by client
	entries int
	left    int // messages of all clients that are not accepted yet
}

func newFiller(seats []loadclients.Seat, entries, text int) *filler {
	f := &filler{tag: benchwire.NewTag(), sent: make([]int, len(seats)), entries: entries, left: entries * len(seats)}
	for _, s := range seats {
		f.letters = append(f.letters, benchwire.NewLetter(f.tag, s.User, 0, text))
	}
	return f
}

func (f *filler) say(i int, c *loadclients.Client) {
	if f.sent[i] < f.entries {
		c.Send(f.letters[i].Frame(f.sent[i]))
		f.sent[i]++
	}
}

// Read implements loadclients.Traffic.
func (f *filler) Read(c *loadclients.Client, b []byte) (taken int) {
	return f.pool.Frames(c, b, f.frame)
}

func (f *filler) frame(c *loadclients.Client, h *benchwire.Head, _ []byte) error {
	if _, own := h.Number(&f.tag); !own || h.Cmd != proto.Command_SEND_ANSWER {
		return nil
	}
	if h.Code != proto.OK {
		return fmt.Errorf("a message is refused: %v %s", h.Code, h.Text)
	}
	f.left--
	f.say(c.Index, c)
	return nil
}
