package record

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
)

// lookBack is how far back a repeated message is looked for. It is bounded
// because senders over HTTP mark every message, so that most are looked for in
// vain, and a script pays 0.5 us for each entry it looks at. A sender who comes
// later, an application started again with unsent messages perhaps, has his
// message stored once more, and readers drop it by its key.
const lookBack = 5 * time.Minute

// firstTryLife is how long after it was handed on a first try may be stored, in ms. A
// node gives a request up after 3 s and makes another one, in which everything is
// marked Again: a first try that comes later is that of a route which was paused. It
// would stand twice, perhaps behind the joining of somebody who must not see it.
//
// The clock of a group's own server counts, too. If it differs from the store's by
// more than this, in a Cluster, each message there is refused once, and taken when it
// comes again.
const firstTryLife = 5_000

// errLate says that nothing was stored because it came too late. Trying again helps.
var errLate = fmt.Errorf("%w: it comes too long after it was sent", ErrUnavailable)

// late reports whether the message comes too late. A time that lies ahead is of a
// clock that has jumped back since, and says nothing.
func (m *Message) late(now int64) bool {
	return m.Sent != 0 && (now-m.Sent > firstTryLife || m.Sent-now > firstTryLife)
}

// refuseLate refuses first tries that come too late, and all that was sent with them:
// what came behind one must not overtake it.
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

// same reports whether two messages under one id are one: to the same receiver or
// group, with the same text. The rest is not compared: the time at which a delayed
// one is due, and whether its sender wants to know when it was shown, are those of
// the first, as its answer says.
func (m *Message) same(e *proto.Entry) bool {
	return e.GetKind() == proto.Kind_TEXT && m.To == e.GetTo() && m.Group == e.GetGroup() && m.Text == e.GetText()
}

// content is what a claim has of a message: equal for those that are the same.
func (m *Message) content() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %s", m.To, m.Group, m.Text))
	return hex.EncodeToString(sum[:8])
}

// claim makes sure that the ids of drafts marked Again stand for them and for nothing
// else, as far as can be told: not for one that stands in the sender's own log, within
// lookBack and 1,000 entries; for one that was marked so, too, and came within
// lookBack, to whomever it went; for a delayed one that is pending. What stands in the
// log that a draft goes to is seen when it goes there. A draft whose id is taken has
// ErrIDReused.
//
// If it cannot be told, all drafts of the sender have ErrUnavailable: none may
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

// refuseTwins refuses drafts whose id another one of the same call has, before them,
// for something else.
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

// claim is the drafts of one sender that may be repetitions.
type claim struct {
	from          int64
	drafts        []*draft
	take, pending *op
}

func claimKey(from int64, id string) string { return logRef{user: from}.key("i:" + id) }

// script claims the ids in the slot of the sender's log.
func (c *claim) script() *op {
	since := c.drafts[0].at
	list := logRef{user: c.from}.list()
	o := &op{key: list, script: claimScript, keys: []string{list}, args: []any{0, lookBack.Milliseconds()}, write: true}
	for _, d := range c.drafts {
		since = min(since, d.at)
		o.keys = append(o.keys, claimKey(c.from, d.ID))
		o.args = append(o.args, d.key, d.content())
	}
	o.args[0] = since - lookBack.Milliseconds()
	return o
}

// read reads what is pending under the ids.
func (c *claim) read() *op {
	messages := shardOf(c.from).messages()
	get := []any{"hmget", messages}
	for _, d := range c.drafts {
		get = append(get, d.key)
	}
	return readOf(messages, get)
}

// settle gives ErrIDReused to the drafts whose id stands for something else, and
// notes which ids were free.
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

// repeats reports whether the draft is the message that an encoded entry has. One
// that is not there, or cannot be read, is no reason to refuse anything.
func (d *draft) repeats(encoded []byte) bool {
	e, err := decodeEntry(encoded)
	return len(encoded) == 0 || err != nil || d.same(e)
}

// release gives the ids back that were claimed for what was refused for good: they
// stand for nothing. What cannot be given back lapses.
func (s *Store) release(ctx context.Context, drafts []*draft, refused func(i int) error) {
	var ops []*op
	for i, d := range drafts {
		if err := refused(i); d.claimed && err != nil && !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrUnknown) {
			key := claimKey(d.From, d.ID)
			ops = append(ops, writeTo(key, []any{"del", key}))
		}
	}
	s.run(ctx, "claim", ops...)
}
