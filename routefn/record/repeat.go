package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/delayed"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// lookBack is how far back a log is searched for a repeated message. It is short because
// senders over HTTP mark every message Again. So most searches find nothing, and a script
// takes 0.5 us for each entry that it reads. If a sender repeats a message later than
// lookBack, perhaps after a restart of the application, the message is stored twice.
// Clients show it once, because their history has its key.
const lookBack = 5 * time.Minute

// firstTryLife is how old a first try may be when it is stored, in ms. A first try is a
// message that is not marked Again, and its age counts from when a node sent it. A node
// gives up a request after 3 s, and sends it again with every message marked Again. So an
// older first try is from a route that was paused, and its message may be stored already.
// If it were stored a second time, a user who has joined the group in between could read
// it.
//
// In the log of a group, append.lua also compares with the clock of the group's server.
// In a Cluster that clock may differ from the store's by more than firstTryLife. Then
// each message to the group is refused once, and accepted when it is repeated.
const firstTryLife = 5_000

// errLate is the error of a first try that came too late and was not stored. If the node
// repeats the message, that succeeds.
var errLate = fmt.Errorf("%w: it came too long after it was sent", ErrUnavailable)

// late reports whether the message comes too late to be stored as a first try. It also
// returns true if the message seems to be sent far in the future: then the store's clock
// has jumped back since.
func (m *Message) late(now int64) bool {
	return m.Sent != 0 && (now-m.Sent > firstTryLife || m.Sent-now > firstTryLife)
}

// refuseLate refuses first tries that come too late. It also refuses all other messages
// of the same request, because no later message may overtake an earlier one.
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

// The method claim checks for each draft marked Again whether its id stands for another
// message. Such a draft gets ErrIDReused. claim searches in three places. The first is
// the sender's inbox, within lookBack and 1,000 entries. The second is the claims of the
// sender's ids, which last for lookBack, for messages to any receiver. The third is the
// sender's pending delayed messages. The log to which a draft goes is searched later,
// when the draft is appended.
//
// If a search fails, all drafts of that sender get ErrUnavailable, because no message may
// overtake an earlier one.
//
// In the same pipelines it runs the ops in the parameters exact, meetings and crowded.
// They, too, must be decided before anything is stored.
func (s *Store) claim(ctx context.Context, drafts []*draft, exact []*cost, meetings []*meeting, crowded []*ownInbox) {
	if len(exact) == 0 && len(meetings) == 0 && len(crowded) == 0 && !slices.ContainsFunc(drafts, func(d *draft) bool { return d.look }) {
		return
	}
	refuseTwins(drafts)
	var claims []*claim
	of := make(map[int64]*claim)
	for _, d := range drafts {
		if !d.look || d.err[receiverCopy] != nil {
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
	for _, c := range claims {
		exact = append(exact, s.owing(c.from)...)
	}
	ops := make([]*op.Op, 0, 2*len(claims)+len(exact)+len(meetings))
	for _, c := range exact {
		ops = append(ops, s.take(c))
	}
	for _, c := range claims {
		c.take, c.pending = c.script(s.limits.Messages), c.read()
		ops = append(ops, c.take, c.pending)
	}
	for _, m := range meetings {
		ops = append(ops, m.op)
	}
	for _, own := range crowded {
		ops = append(ops, own.trim)
	}
	s.Run(ctx, "claim", ops...)
	s.granted(exact)
	refused := s.settleMeetings(meetings)
	for _, d := range drafts {
		if err := refused[pair{d.From, d.To}]; err != nil && d.Group == 0 && d.err[receiverCopy] == nil {
			d.err[receiverCopy] = err
		}
	}
	defer s.refuseCrowded(drafts, crowded)
	for _, c := range claims {
		err := errors.Join(c.take.Err, c.pending.Err)
		if err == nil {
			err = c.settle()
		}
		if err == nil {
			s.noteBudget(c.from, op.Text(c.take.Reply[len(c.take.Reply)-1]))
			continue
		}
		if errors.Is(err, ErrUnknown) { // no draft is in any log yet
			err = fmt.Errorf("%w: %s", ErrUnavailable, err.Error())
		}
		for _, d := range drafts {
			if d.From == c.from && d.err[receiverCopy] == nil {
				d.err[receiverCopy] = fmt.Errorf("look for repetitions: %w", err)
			}
		}
	}
}

// refuseTwins refuses a draft marked Again if an earlier draft of the same call has the
// same id and another content.
func refuseTwins(drafts []*draft) {
	first := make(map[string]*draft, len(drafts))
	for _, d := range drafts {
		switch twin := first[d.key]; {
		case twin == nil:
			first[d.key] = d
		case d.look && d.err[receiverCopy] == nil && d.content() != twin.content():
			d.err[receiverCopy] = ErrIDReused
		}
	}
}

// A claim has the drafts of one sender that may be repetitions, and the two ops that
// check their ids.
type claim struct {
	from          int64
	drafts        []*draft
	take, pending *op.Op
}

func claimKey(from int64, id string) string { return logref.Ref{User: from}.Key("i:" + id) }

// script returns the op that claims the ids, in the slot of the sender's inbox.
func (c *claim) script(messages limit.Rate) *op.Op {
	since := c.drafts[0].at
	l := logref.Ref{User: c.from}
	o := &op.Op{Key: l.List(), Script: claimScript, Keys: []string{l.List(), l.Hash()}, Args: []any{0, lookBack.Milliseconds()}, Write: true}
	o.Args = append(o.Args, rateArgs(messages)...)
	for _, d := range c.drafts {
		since = min(since, d.at)
		o.Keys = append(o.Keys, claimKey(c.from, d.ID))
		o.Args = append(o.Args, d.key, d.content(), !d.taken)
	}
	o.Args[0] = since - lookBack.Milliseconds()
	return o
}

// read returns the op that reads the sender's pending delayed messages with these ids.
func (c *claim) read() *op.Op {
	keys := make([]string, len(c.drafts))
	for i, d := range c.drafts {
		keys[i] = d.key
	}
	return delayed.Read(c.from, keys)
}

// settle reads the answers. A draft whose id stands for another message gets ErrIDReused.
// A draft whose id stood for no message becomes claimed.
func (c *claim) settle() error {
	pending, _ := c.pending.Reply[0].([]any)
	if len(c.take.Reply) != 3*len(c.drafts)+1 || len(pending) != len(c.drafts) {
		return fmt.Errorf("%w: claim answered %d values for %d ids", ErrUnavailable, len(c.take.Reply), len(c.drafts))
	}
	for i, d := range c.drafts {
		had, found, wait := op.Text(c.take.Reply[3*i]), op.Text(c.take.Reply[3*i+1]), op.Integer(c.take.Reply[3*i+2])
		if wait > 0 {
			d.err[receiverCopy] = limited(wait)
			continue
		}
		d.claimed = had == "" && found == ""
		if had != "" && had != d.content() {
			d.err[receiverCopy] = ErrIDReused
			continue
		}
		if _, encoded, err := proto.SplitStored([]byte(found)); err == nil && !d.repeats(encoded) {
			d.err[receiverCopy] = ErrIDReused
		}
		if !d.repeats([]byte(op.Text(pending[i]))) {
			d.err[receiverCopy] = ErrIDReused
		}
	}
	return nil
}

// repeats reports whether an encoded entry is the same message as the draft. It also
// returns true if there is no entry, or if the entry cannot be decoded: then there is no
// reason to refuse the draft.
func (d *draft) repeats(encoded []byte) bool {
	e, err := entry.Decode(encoded)
	return len(encoded) == 0 || err != nil || d.same(e)
}

// release deletes the claims of drafts that were refused for good, so that their senders
// can use the ids for other messages. errOf returns the error of the draft with the index
// i. If the deleting fails, the claims expire.
func (s *Store) release(ctx context.Context, drafts []*draft, errOf func(i int) error) {
	var ops []*op.Op
	for i, d := range drafts {
		if err := errOf(i); d.claimed && err != nil && !mayRetry(err) {
			key := claimKey(d.From, d.ID)
			ops = append(ops, op.Write(key, []any{"del", key}))
		}
	}
	s.Run(ctx, "claim", ops...)
}
