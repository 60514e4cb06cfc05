package record

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cim-go/cim/routefn/record/dedup"
	"github.com/cim-go/cim/routefn/record/delayed"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/pass"
)

// A first try may be stored for firstTryLife ms after a node has sent it. A node gives up
// a request after 3 s and sends it again with every message marked Again. So a first try
// that comes later was held up in a route that was paused, and a repetition may have
// stored its message already. Storing the first try, too, could show the message to a
// user who joined in between and must not see it.
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

// claim has ids of one sender that are being claimed. Ids that are new as far as anybody
// knows are claimed in the pipeline that stores their messages. Other ids are claimed
// before that.
type claim struct {
	from    int64
	drafts  []*draft
	ids     *dedup.Claim
	ops     []*op.Op // all that were sent
	pending *op.Op   // reads the sender's delayed messages with these ids; nil for a note
	head    *op.Op   // reads what the sender's pass is judged by, and the budget; nil: that is not needed
}

// claimsOf returns the claims of the drafts that are chosen, one for each sender and pass.
func (s *Store) claimsOf(drafts []*draft, now int64, note bool, chosen func(*draft) bool) []*claim {
	var claims []*claim
	of := make(map[Pass]*claim)
	for _, d := range drafts {
		if d.err[receiverCopy] != nil || !chosen(d) {
			continue
		}
		by := Pass{User: d.From}
		if d.Pass != nil {
			by = *d.Pass
		}
		c := of[by]
		if c == nil {
			c = &claim{from: d.From, ids: s.ids.Claim(d.From, now, note)}
			of[by] = c
			claims = append(claims, c)
		}
		d.claim, d.place = c.ids, len(c.drafts)
		c.drafts = append(c.drafts, d)
		c.ids.Add(d.ID, dedup.Use{Content: d.content(), At: d.at})
		if d.First != 0 {
			c.ids.AskOldest()
		}
	}
	for _, c := range claims {
		c.ops = append(c.ops, c.ids.Make())
	}
	return claims
}

// claim claims the ids of drafts that may be repetitions, and judges the passes of their
// senders. It blocks until Config.Replicas have the claims. A draft whose id stands for
// another message, also for a delayed one that is pending, gets ErrIDReused. A draft gets
// ErrForgotten if its first try was so long ago that its id may be forgotten. Drafts that
// are marked Again are searched for anyway, and their claims do not wait for replicas.
//
// If the claim of a draft's id is the first one, the message is in no log. Then it is
// stored without a search, except if it is marked Again. If the claim is not the first
// one, the message may be in its logs, and is searched for when it is appended.
//
// If it is not known whether a sender's ids are claimed, all drafts of that sender get
// ErrUnavailable, because none may overtake another.
func (s *Store) claim(ctx context.Context, drafts []*draft, now int64) {
	if !slices.ContainsFunc(drafts, (*draft).claims) {
		return
	}
	refuseTwins(drafts)
	claims := s.claimsOf(drafts, now, false, (*draft).claims)
	ops := make([]*op.Op, 0, 3*len(claims))
	for _, c := range claims {
		c.pending = c.read()
		c.ops = append(c.ops, c.pending)
		if p := c.drafts[0].Pass; p != nil || s.limits.Messages.On() {
			c.head = p.Read(c.from)
			c.ops = append(c.ops, c.head)
		}
		ops = append(ops, c.ops...)
	}
	run := s.Run
	if slices.ContainsFunc(drafts, func(d *draft) bool { return d.Claim }) {
		run = s.Accept
	}
	run(ctx, "claim", ops...)
	s.claimed(ctx, claims, now)
	for _, c := range claims {
		err := c.failed()
		if err == nil {
			err = c.settle(now)
		}
		if err == nil {
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

// failed returns the errors of the ops, or nil.
func (c *claim) failed() (err error) {
	for _, o := range c.ops {
		err = errors.Join(err, o.Err)
	}
	return err
}

// claimed sends what must follow the claims. It reads what known ids stand for, and begins a
// new generation where there are many ids. It has the store judge passes by the script if
// that is needed.
func (s *Store) claimed(ctx context.Context, claims []*claim, now int64) {
	var ops []*op.Op
	for _, c := range claims {
		if c.failed() != nil {
			continue
		}
		if o := c.ids.First(); o != nil {
			ops, c.ops = append(ops, o), append(c.ops, o)
		}
		if c.ids.Full() {
			ops = append(ops, s.ids.Rotate(c.from, now))
		}
		if c.head != nil {
			s.noteBudget(c.from, pass.BudgetIn(c.head))
		}
		if p := c.drafts[0].Pass; c.head != nil && p != nil && !pass.Sufficient(c.head) {
			c.head = p.Script()
			ops, c.ops = append(ops, c.head), append(c.ops, c.head)
		}
	}
	s.Run(ctx, "claim", ops...)
}

// read returns the op that reads the sender's pending delayed messages with these ids.
func (c *claim) read() *op.Op {
	keys := make([]string, len(c.drafts))
	for i, d := range c.drafts {
		keys[i] = d.key
	}
	return delayed.Read(c.from, keys)
}

// settle reads the answers.
func (c *claim) settle(now int64) error {
	pending, _ := c.pending.Reply[0].([]any)
	if len(pending) != len(c.drafts) {
		return fmt.Errorf("%w: claim answered %d values for %d ids", ErrUnavailable, len(pending), len(c.drafts))
	}
	c.ids.Second()
	var refused error
	if p := c.drafts[0].Pass; p != nil {
		refused = p.Verdict(c.head, now)
	}
	for i, d := range c.drafts {
		had, known := c.ids.Had(i)
		d.fresh = c.ids.Fresh(i)
		switch {
		case refused != nil:
			d.err[receiverCopy] = refused
		case known && had.Content != d.content(), !d.repeats([]byte(op.Text(pending[i]))):
			d.err[receiverCopy] = ErrIDReused
		case known:
			d.had, d.look = had.At, true
		case !d.fresh: // it was released meanwhile
			d.err[receiverCopy] = ErrUnavailable
		case d.First != 0 && d.First < c.ids.Oldest():
			d.err[receiverCopy] = ErrForgotten
		}
	}
	return nil
}

// refuseTwins refuses a draft marked Again if an earlier draft of the same call has the
// same id and another content.
func refuseTwins(drafts []*draft) {
	first := make(map[string]*draft, len(drafts))
	for _, d := range drafts {
		switch twin := first[d.key]; {
		case twin == nil:
			first[d.key] = d
		case d.claims() && d.err[receiverCopy] == nil && d.content() != twin.content():
			d.err[receiverCopy] = ErrIDReused
		}
	}
}

// repeats reports whether an encoded entry is the same message as the draft. It also
// returns true if there is no entry, or if the entry cannot be decoded: then there is no
// reason to refuse the draft.
func (d *draft) repeats(encoded []byte) bool {
	e, err := entry.Decode(encoded)
	return len(encoded) == 0 || err != nil || d.same(e)
}

// notes returns claims that are sent together with first tries, ahead of them. Nobody
// waits for their answers before the messages are stored. So a first try costs no further
// round trip. If such an id is known already, its message may stand in a log twice: see
// unite.
func (s *Store) notes(drafts []*draft, now int64) (claims []*claim, ops []*op.Op) {
	claims = s.claimsOf(drafts, now, true, func(d *draft) bool { return !d.claims() })
	for _, c := range claims {
		ops = append(ops, c.ops...)
	}
	return claims, ops
}

// noted reads the answers to notes. If a note failed, later repetitions of its messages are
// only recognised if they are marked Again.
func (s *Store) noted(ctx context.Context, claims []*claim, now int64) {
	s.claimed(ctx, claims, now)
	for _, c := range claims {
		for i, d := range c.drafts {
			d.fresh = c.failed() == nil && c.ids.Fresh(i)
			d.twice = c.failed() == nil && !d.fresh
		}
	}
}

// keepClaims corrects the claims of drafts that were settled. If a draft was refused for
// good, or for a rate, its id stands for nothing and is released. If the release fails,
// the id expires. For any other draft, the claim must have the time of the entry, so that
// a search finds the entry. The parameter errOf is a function that returns the error of
// the draft with the index i.
func (s *Store) keepClaims(ctx context.Context, drafts []*draft, errOf func(i int) error) {
	var ops []*op.Op
	for i, d := range drafts {
		err := errOf(i)
		refused := err != nil && (!mayRetry(err) || errors.Is(err, ErrLimited))
		switch {
		case d.claim == nil:
		case refused && d.fresh:
			ops = append(ops, d.claim.Release(d.place))
		case err == nil && d.stands():
			ops = append(ops, d.claim.Move(d.place, d.at))
		}
	}
	s.Run(ctx, "claim", ops...)
}
