package record

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/pass"
)

// A budget is one number in its owner's hash: the time at which the budget is full again.
// It is in us since 1970 by the store's clock. The algorithm is GCRA, the generic cell
// rate algorithm, which calls this time the theoretical arrival time. If the time lies in
// the past, it counts as now. A message that is stored moves the time ahead by
// Rate.Every. A message is refused if it would move the time further ahead of now than
// Rate.Full.
//
// The scripts compute exactly that. A private message is stored without a script, because
// a script would cost several times as much. For such a message, a route adds its cost to
// the number. If the last answer showed a number in the past, the route also adds the
// time from that number until now. The next answer shows whether another route has added
// a part of that time, too. If so, the route subtracts that part. So each message counts
// once, even if messages come through different routes and nodes.
//
// A route refuses messages by the budget that the last answer showed. While much of a
// budget is left, that is exact enough, because other routes take little of it meanwhile.
// If little is left, the store decides before anything is stored (costsOf).
//
// While much is left, a route adds up to mostOwed messages to a budget together. So each
// further route may let a sender send that many messages too many.

const (
	// mostOwed is how many messages of a sender a route adds to the budget together, while
	// more than half of the budget is left. If a route added each message by itself, that
	// would take the store some 12 % of the time for the message: BenchmarkAppendPrivate.
	mostOwed = 16
	// If a sender's budget has at least closeBy messages left, the route decides alone.
	// Other routes take fewer than that between two answers.
	closeBy = 64
	// mostUnseen is how many messages of a sender a route stores at once while it knows
	// nothing of the sender's budget. These messages may not be counted.
	mostUnseen = 16
)

// rateField is the field of a user's hash that has the budget of messages.
const rateField = string(MessageBudget)

// budget is what a Store knows of a sender's budget of messages.
type budget struct {
	seen int64 // the budget as the Store saw it last, us; zero: it never did
	owed int   // messages that were stored and are not added yet; below zero if too many were added
}

// cost is what the first tries of one sender take from the sender's budget of messages.
type cost struct {
	from   int64
	drafts []*draft
	rate   limit.Rate
	now    int64  // us
	budget        // when the call began
	count  int    // messages that are added
	lag    int64  // us that are added, from seen to now
	op     *op.Op // nil if the messages are owed
}

// costsOf returns the costs of drafts whose ids were not known before. The costs in the
// result costs are taken from the budgets when the messages are stored. Those in the
// result exact are taken before that, if the budgets have enough.
func (s *Store) costsOf(drafts []*draft, nowMs int64) (costs, exact []*cost) {
	if !s.limits.Messages.On() {
		return nil, nil
	}
	of := make(map[int64]*cost)
	for _, d := range drafts {
		if d.err[receiverCopy] != nil || d.taken || d.had != 0 {
			continue
		}
		c := of[d.From]
		if c == nil {
			c = &cost{from: d.From, rate: s.limits.Messages, now: nowMs * 1000}
			c.budget, _ = s.budgets.Get(d.From)
			of[d.From] = c
			costs = append(costs, c)
		}
		c.drafts = append(c.drafts, d)
	}
	sure := costs[:0]
	for _, c := range costs {
		if surely(c.rate, c.seen, c.now, len(c.drafts)+c.owed) {
			sure = append(sure, c)
		} else {
			exact = append(exact, c)
		}
	}
	return sure, exact
}

// surely reports whether a budget certainly has enough for n messages. The parameter seen
// is the budget, in us, as this Store saw it last. It is zero if this Store never saw it.
// If the rate has no limit, surely returns true.
func surely(r limit.Rate, seen, now int64, n int) bool {
	every, full := r.Every.Microseconds(), r.Full().Microseconds()
	switch {
	case !r.On():
		return true
	case seen > now+max(full, pass.MostCost*every): // the budget is wrong, see rate.lua
		return false
	case seen == 0:
		return n <= max(1, min(mostUnseen, r.Burst/2))
	}
	left := int((now + full - max(seen, now)) / every)
	return left-n >= min(closeBy, r.Burst/2)
}

// take returns the op that takes an exact cost. Before that, the op adds the messages
// that are owed to the budget.
func (s *Store) take(c *cost) *op.Op {
	c.count = s.settleOwed(c.from)
	args := append([]any{rateField, len(c.drafts), 1}, pass.RateArgs(c.rate)...)
	c.op = logref.Ref{User: c.from}.HashScript(chargeScript, append(args, c.count)...)
	return c.op
}

// settleOwed returns how many messages are owed to a sender's budget. The caller adds them.
func (s *Store) settleOwed(from int64) (owed int) {
	s.budgets.Change(from, func(b budget) budget {
		owed, b.owed = b.owed, 0
		return b
	})
	return owed
}

// granted reads the answers of the ops in exact, see costsOf. It refuses the drafts for
// which a sender's budget was not enough, and all drafts of an op that failed.
func (s *Store) granted(exact []*cost) {
	for _, c := range exact {
		if c.op.Err != nil {
			s.budgets.Change(c.from, func(b budget) budget { b.owed += c.count; return b })
			for _, d := range c.drafts {
				d.err[receiverCopy] = fmt.Errorf("%w: take from the budget: %s", ErrUnavailable, c.op.Err.Error())
			}
			continue
		}
		s.noteBudget(c.from, op.Text(c.op.Reply[2]))
		for _, d := range c.drafts[op.Integer(c.op.Reply[0]):] {
			d.err[receiverCopy] = pass.Limited(op.Integer(c.op.Reply[1]))
		}
	}
}

// noteBudget remembers a sender's budget from the answer of a script.
func (s *Store) noteBudget(from int64, budget string) {
	if us, err := strconv.ParseInt(budget, 10, 64); err == nil && us > 0 {
		s.see(from, us)
	}
}

// add returns the op that takes a cost from a budget which surely has enough. It leaves
// out drafts that were refused meanwhile. It returns nil if the messages may stay owed to
// the budget until a later call.
func (s *Store) add(c *cost) *op.Op {
	c.drafts = slices.DeleteFunc(c.drafts, func(d *draft) bool { return d.err[receiverCopy] != nil })
	may := c.mayOwe()
	s.budgets.Change(c.from, func(b budget) budget {
		if b.owed += len(c.drafts); b.owed >= may {
			c.count, b.owed = b.owed, 0
		}
		return b
	})
	if c.count == 0 {
		return nil
	}
	if c.seen > 0 {
		c.lag = max(0, c.now-c.seen)
	}
	hash := logref.Ref{User: c.from}.Hash()
	c.op = op.Write(hash, []any{"hincrby", hash, rateField, int64(c.count)*c.rate.Every.Microseconds() + c.lag})
	return c.op
}

// mayOwe returns how many messages are added together: one if the budget is unknown, or
// more than half used.
func (c *cost) mayOwe() int {
	left := (c.now + c.rate.Full().Microseconds() - max(c.seen, c.now)) / c.rate.Every.Microseconds()
	if c.seen == 0 || left < int64(c.rate.Burst/2) {
		return 1
	}
	return max(1, min(mostOwed, c.rate.Burst/16))
}

// surplus returns what must be given back to the budget, in us: the cost of as many
// messages as back says, and the time that another route had added already.
func (c *cost) surplus(back int) int64 {
	every := c.rate.Every.Microseconds()
	before := op.Integer(c.op.Reply[0]) - int64(c.count)*every - c.lag
	return int64(back)*every + max(0, before+c.lag-max(before, c.seen+c.lag))
}

// notStored returns how many of the messages were not stored and will be repeated.
func (c *cost) notStored() (n int) {
	for _, d := range c.drafts {
		if err := d.answer().Err; d.copy[receiverCopy] == nil && err != nil && mayRetry(err) {
			n++
		}
	}
	return n
}

// settleCosts learns the budgets from the answers, and gives the surplus back. If that
// fails, the sender has to wait for longer than it should, until the store finds that the
// budget is wrong (rate.lua).
func (s *Store) settleCosts(ctx context.Context, costs []*cost) {
	var backs []*op.Op
	for _, c := range costs {
		back := c.notStored()
		if c.op == nil {
			s.budgets.Change(c.from, func(b budget) budget { b.owed -= back; return b })
			continue
		}
		if c.op.Err != nil {
			s.budgets.Drop(c.from)
			continue
		}
		surplus := c.surplus(back)
		s.see(c.from, op.Integer(c.op.Reply[0])-surplus)
		if surplus > 0 {
			hash := logref.Ref{User: c.from}.Hash()
			backs = append(backs, op.Write(hash, []any{"hincrby", hash, rateField, -surplus}))
		}
	}
	s.Run(ctx, "append", backs...)
}

// see remembers a sender's budget, in us, as the store answered it.
func (s *Store) see(from, us int64) {
	s.budgets.Change(from, func(b budget) budget { b.seen = us; return b })
}
