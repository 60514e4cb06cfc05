package record

import (
	"context"
	"fmt"

	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/pass"
)

// Budget names a budget of an account. Each request takes something from one.
type Budget = pass.Budget

// The budgets, each with the limit that it belongs to.
const (
	MessageBudget = pass.Messages
	GroupBudget   = pass.Groups
	PullBudget    = pass.Pulls
	ReportBudget  = pass.Reports
)

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
	p := pass.Of(ctx)
	rate := s.rateOf(budget)
	if p == nil || !rate.On() {
		return nil
	}
	if budget == PullBudget {
		until, _ := s.noPulls.Get(p.User)
		if left := until - s.Now(); left > 0 && left <= rate.Full().Milliseconds() {
			return pass.Limited(left)
		}
	}
	p.Charge(budget, min(cost, pass.MostCost), rate, func(o *op.Op) {
		if cost == 1 { // a request with a higher cost may be refused while pulls are allowed
			s.noteRefused(p.User, o)
		}
	})
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

// WithPass returns a context for calls that need a valid pass: see pass.With and Judge.
func WithPass(ctx context.Context, p Pass) context.Context { return pass.With(ctx, p) }

// Judge returns ErrVoid if the context has a pass and the pass is void, or the store's
// error. It is for a request that needs nothing else of the store.
func (s *Store) Judge(ctx context.Context) error {
	p := pass.Of(ctx)
	if p == nil {
		return nil
	}
	if err := s.DB.Judge(ctx); err != nil {
		return fmt.Errorf("judge token of %d: %w", p.User, err)
	}
	return nil
}
