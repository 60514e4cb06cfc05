package record

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// args returns the arguments with which a script checks the pass. The script has the
// device as another argument.
func (p *Pass) args() []any {
	if p == nil {
		return []any{"", ""}
	}
	return []any{p.Number, p.Expires}
}

// op returns an op that checks the pass and takes from budgets. Although it takes
// something, it counts as an op that only reads. So if the connection breaks, it is
// repeated, and may take its cost twice.
func (p *Pass) op(taken []charge) *op.Op {
	args := append([]any{p.Device}, p.args()...)
	for _, c := range taken {
		args = append(append(args, string(c.budget), c.cost), rateArgs(c.rate)...)
	}
	o := logref.Ref{User: p.User}.HashScript(tokenScript, args...)
	o.Write = false
	return o
}

// read returns an op that reads the user's budget of messages, and what a pass is judged by.
// It costs the store a third of the script. If there is no pass, it reads the budget alone.
func (p *Pass) read(user int64) *op.Op {
	hash := logref.Ref{User: user}.Hash()
	if p == nil {
		return op.Read(hash, []any{"hmget", hash, rateField})
	}
	return op.Read(hash, []any{"hmget", hash, rateField, "out:" + p.Device, "out"})
}

// budgetIn returns the budget that an op of the method read has read. A user who has sent
// nothing yet has a budget that was full long ago.
func budgetIn(o *op.Op) string {
	fields, _ := o.Reply[0].([]any)
	return cmp.Or(op.Text(fields[0]), "1")
}

// sufficient reports whether the answer to read is enough to judge a pass. If a device without
// cursors was logged out, the script must look whether this one has cursors.
func sufficient(o *op.Op) bool {
	out, _ := o.Reply[0].([]any)
	return len(out) == 3 && (out[1] != nil || out[2] == nil)
}

// verdict returns ErrVoid if the pass does not count at the time now, in ms by the store's
// clock, or nil. The op is answered, and was made by read or by op.
func (p *Pass) verdict(o *op.Op, now int64) error {
	if o.Script != nil {
		return refusalOf(o)
	}
	out, _ := o.Reply[0].([]any)
	switch {
	case out[1] != nil && p.Number <= op.Integer(out[1]):
		return fmt.Errorf("%w: void", ErrVoid)
	case now >= p.Expires:
		return fmt.Errorf("%w: expired", ErrVoid)
	}
	return nil
}

// refusalOf returns ErrVoid if the op's script answered that the pass is void, or nil.
func refusalOf(o *op.Op) error {
	if o.Err != nil {
		return nil
	}
	switch answer := op.Text(o.Reply[0]); answer {
	case "void", "expired":
		return fmt.Errorf("%w: %s", ErrVoid, answer)
	case "limited":
		return limited(op.Integer(o.Reply[1]))
	}
	return nil
}

// judgedPass is a Pass that the calls of one request share.
type judgedPass struct {
	Pass

	mu      sync.Mutex
	judged  bool
	err     error        // the result, if judged is set
	taken   []charge     // what judging takes from budgets
	refused func(*op.Op) // is called with the answered op of the pass; nil: nothing is taken
}

// Budget names a budget of an account. Each request takes something from one. The name is
// the field of the user's hash that has the budget.
type Budget string

// The budgets, each with the limit that it belongs to.
const (
	MessageBudget Budget = rateField // limit.Limits.Messages
	GroupBudget   Budget = "rate:groups"
	PullBudget    Budget = "rate:pulls"
	ReportBudget  Budget = "rate:reports"
)

// charge is what a request takes from a budget.
type charge struct {
	budget Budget
	cost   int
	rate   limit.Rate
}

// rateOf returns the rate of a budget.
func (s *Store) rateOf(b Budget) limit.Rate {
	switch b {
	case MessageBudget:
		return s.limits.Messages
	case GroupBudget:
		return s.limits.Groups
	case ReportBudget:
		return s.limits.Reports
	default:
		return s.limits.Pulls
	}
}

// Charge makes the first operation with ctx take as many units as cost says, at most
// 1,000, from a budget of the user. That costs no round trip, because the op that checks
// the pass does it. If the budget has too little, the operation does nothing and returns
// ErrLimited. While this Store knows that the user's pulls are refused, Charge returns
// ErrLimited without asking the store. If ctx has no pass, or its pass was checked
// before, nothing is taken.
func (s *Store) Charge(ctx context.Context, budget Budget, cost int) error {
	p := passOf(ctx)
	rate := s.rateOf(budget)
	if p == nil || !rate.On() {
		return nil
	}
	if budget == PullBudget {
		until, _ := s.noPulls.Get(p.User)
		if left := until - s.Now(); left > 0 && left <= rate.Full().Milliseconds() {
			return limited(left)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = append(p.taken, charge{budget, min(cost, mostCost), rate})
	p.refused = func(o *op.Op) {
		if cost == 1 { // a request that costs more may be refused while pulls are not
			s.noteRefused(p.User, o)
		}
	}
	return nil
}

// noteRefused remembers until when the pulls of a user are refused. Without that, each
// refused pull would cost the store a whole read, because the pull and the check of the
// budget go in one pipeline.
func (s *Store) noteRefused(user int64, o *op.Op) {
	if o.Err == nil && op.Text(o.Reply[0]) == "limited" && Budget(op.Text(o.Reply[2])) == PullBudget {
		s.noPulls.Put(user, s.Now()+op.Integer(o.Reply[1]))
	}
}

// passOf returns the pass of a context that WithPass has made, or nil.
func passOf(ctx context.Context) *judgedPass {
	p, _ := op.GuardOf(ctx).(*judgedPass)
	return p
}

// WithPass returns a context for calls that need a valid pass. If the pass is void, these
// calls change nothing and return ErrVoid. The store checks the pass once, at the first
// call with the context. If that call only reads, the check and the call go in one
// pipeline. If the call writes, the check comes first. Later calls with the context rely
// on the result. See also Judge.
func WithPass(ctx context.Context, p Pass) context.Context {
	return op.WithGuard(ctx, &judgedPass{Pass: p})
}

// TakePass returns a context whose calls need no pass, and the pass that ctx has, for
// Message.Pass. The pass is nil if ctx has none. A charge of ctx is lost.
func TakePass(ctx context.Context) (context.Context, *Pass) {
	p := passOf(ctx)
	if p == nil {
		return ctx, nil
	}
	return op.WithGuard(ctx, nil), &p.Pass
}

// Judge returns ErrVoid if the context has a pass and the pass is void, or the store's
// error. It is for a request that needs nothing else of the store.
func (s *Store) Judge(ctx context.Context) error {
	p := passOf(ctx)
	if p == nil {
		return nil
	}
	if err := s.DB.Judge(ctx); err != nil {
		return fmt.Errorf("judge token of %d: %w", p.User, err)
	}
	return nil
}

// Judge returns the verdict on the pass, nil or ErrVoid. If the pass was not checked
// before, Judge calls the function run to send the op that checks it. If the store does
// not answer, Judge returns its error, and the next call checks the pass.
func (p *judgedPass) Judge(run func(*op.Op)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.judged {
		return p.err
	}
	o := p.op(p.taken)
	run(o)
	if p.refused != nil {
		p.refused(o)
	}
	if o.Err != nil {
		return o.Err
	}
	p.judged, p.err = true, refusalOf(o)
	return p.err
}
