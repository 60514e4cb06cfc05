package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
)

// lookBack is how far back a repeated message is searched for. It is bounded because
// senders over HTTP mark every message, so most searches find nothing. A script takes
// 0.5 us for each entry that it reads. If a sender repeats a message later, perhaps
// after a restart of the application, it is stored twice. Readers drop the second one
// by its key.
const lookBack = 5 * time.Minute

// A first try is stored only within firstTryLife, in ms, after a node forwarded it. A
// node gives up a request after 3 s and sends it again with every message marked Again.
// So a later first try comes from a route that was paused. It would be stored twice,
// perhaps after the joining of a user who must not see it.
//
// The clock of a group's own server counts, too. In a Cluster it may differ from the
// store's clock by more than this. Then each message there is refused once, and
// accepted when it is repeated.
const firstTryLife = 5_000

// errLate is the error of a message that was not stored because it came too late. A
// repetition succeeds.
var errLate = fmt.Errorf("%w: it comes too long after it was sent", ErrUnavailable)

// late reports whether the message comes too late. A time far in the future counts as
// late, too, because the clock has jumped back since then.
func (m *Message) late(now int64) bool {
	return m.Sent != 0 && (now-m.Sent > firstTryLife || m.Sent-now > firstTryLife)
}

// refuseLate refuses first tries that come too late, together with all messages of the
// same request, because no later message may overtake an earlier one.
func refuseLate(drafts []*draft, now int64) {
	if !slices.ContainsFunc(drafts, func(d *draft) bool { return !d.Again && d.late(now) }) {
		return
	}
	for _, d := range drafts {
		if d.late(now) && d.err[receiverCopy] == nil {
			d.err[receiverCopy] = errLate
		}
	}
}

// claim checks that each id of a draft marked Again stands for no other message, as
// far as it can find out. It searches the sender's own log, within lookBack and 1,000
// entries. It searches the claims of the sender's ids within lookBack, for all
// receivers. It searches the sender's pending delayed messages. The log that a draft
// goes to is searched when it is appended. A draft whose id is taken gets ErrIDReused.
//
// If a search fails, all drafts of the sender get ErrUnavailable, because none may
// overtake another.
func (s *Store) claim(ctx context.Context, drafts []*draft) {
	if !slices.ContainsFunc(drafts, func(d *draft) bool { return d.Again }) {
		return
	}
	refuseTwins(drafts)
	var claims []*claim
	of := make(map[int64]*claim)
	for _, d := range drafts {
		if !d.Again || d.err[receiverCopy] != nil {
			continue
		}
		c := of[d.From]
		if c == nil {
			c = &claim{from: d.From}
			of[d.From] = c
			claims = append(claims, c)
		}
		c.drafts = append(c.drafts, d)
	}
	ops := make([]*op, 0, 2*len(claims))
	for _, c := range claims {
		c.take, c.pending = c.script(), c.read()
		ops = append(ops, c.take, c.pending)
	}
	s.run(ctx, "claim", ops...)
	for _, c := range claims {
		err := errors.Join(c.take.err, c.pending.err)
		if err == nil {
			err = c.settle()
		}
		if err == nil {
			continue
		}
		if errors.Is(err, ErrUnknown) { // it is in no log
			err = fmt.Errorf("%w: %s", ErrUnavailable, err.Error())
		}
		for _, d := range drafts {
			if d.From == c.from && d.err[receiverCopy] == nil {
				d.err[receiverCopy] = fmt.Errorf("look for repetitions: %w", err)
			}
		}
	}
}

// refuseTwins refuses a draft if an earlier draft of the same call has its id and
// another content.
func refuseTwins(drafts []*draft) {
	first := make(map[string]*draft, len(drafts))
	for _, d := range drafts {
		switch twin := first[d.key]; {
		case twin == nil:
			first[d.key] = d
		case d.Again && d.err[receiverCopy] == nil && d.content() != twin.content():
			d.err[receiverCopy] = ErrIDReused
		}
	}
}

// claim has the drafts of one sender that may be repetitions.
type claim struct {
	from          int64
	drafts        []*draft
	take, pending *op
}

func claimKey(from int64, id string) string { return logRef{user: from}.key("i:" + id) }

// script claims the ids in the slot of the sender's log.
func (c *claim) script() *op {
	since := c.drafts[0].at
	l := logRef{user: c.from}
	o := &op{key: l.list(), script: claimScript, keys: []string{l.list(), l.hash()}, args: []any{0, lookBack.Milliseconds()}, write: true}
	for _, d := range c.drafts {
		since = min(since, d.at)
		o.keys = append(o.keys, claimKey(c.from, d.ID))
		o.args = append(o.args, d.key, d.content())
	}
	o.args[0] = since - lookBack.Milliseconds()
	return o
}

// read reads the pending delayed messages with the ids.
func (c *claim) read() *op {
	messages := shardOf(c.from).messages()
	get := []any{"hmget", messages}
	for _, d := range c.drafts {
		get = append(get, d.key)
	}
	return readOf(messages, get)
}

// settle sets ErrIDReused for drafts whose id stands for another message, and notes
// which ids were free.
func (c *claim) settle() error {
	pending, _ := c.pending.reply[0].([]any)
	if len(c.take.reply) != 2*len(c.drafts) || len(pending) != len(c.drafts) {
		return fmt.Errorf("%w: claim answered %d values for %d ids", ErrUnavailable, len(c.take.reply), len(c.drafts))
	}
	for i, d := range c.drafts {
		had, found := text(c.take.reply[2*i]), text(c.take.reply[2*i+1])
		d.claimed = had == "" && found == ""
		if had != "" && had != d.content() {
			d.err[receiverCopy] = ErrIDReused
			continue
		}
		if _, encoded, err := proto.SplitStored([]byte(found)); err == nil && !d.repeats(encoded) {
			d.err[receiverCopy] = ErrIDReused
		}
		if !d.repeats([]byte(text(pending[i]))) {
			d.err[receiverCopy] = ErrIDReused
		}
	}
	return nil
}

// repeats reports whether an encoded entry is the same message as the draft. It is also
// true if there is no entry, or if it cannot be decoded, because then there is no
// reason to refuse the draft.
func (d *draft) repeats(encoded []byte) bool {
	e, err := decodeEntry(encoded)
	return len(encoded) == 0 || err != nil || d.same(e)
}

// release deletes the claims of drafts that were refused for good, because no message
// has their ids. Claims that cannot be deleted expire.
func (s *Store) release(ctx context.Context, drafts []*draft, errOf func(i int) error) {
	var ops []*op
	for i, d := range drafts {
		if err := errOf(i); d.claimed && err != nil && !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrUnknown) {
			key := claimKey(d.From, d.ID)
			ops = append(ops, writeTo(key, []any{"del", key}))
		}
	}
	s.run(ctx, "claim", ops...)
}
