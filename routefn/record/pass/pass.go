// Package pass judges the tokens of devices, and takes from the budgets of their users. A
// script does both in one step (lua/token.lua).
//
// lua/void.lua says which tokens are void, and lua/rate.lua what a budget is. The scripts of
// package record need both.
package pass

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
)

// Lua has the scripts of this package, for an op.Library.
//
//go:embed lua/*.lua
var Lua embed.FS

var tokenScript = op.Library{Lua, rows.Lua, op.Lua}.Load("clock", "live", "void", "rate", "token")

var (
	// ErrVoid is returned for a Pass that is no longer valid, because its device was
	// logged out or the pass has expired by the store's clock.
	ErrVoid = errors.New("token is void")
	// ErrLimited is returned if a rate is used up. It comes in a Refused.
	ErrLimited = errors.New("rate is used up")
)

// Refused is the reason of a refusal with the time to wait.
type Refused struct {
	Reason error // ErrLimited, or another one
	After  time.Duration
}

func (e Refused) Error() string { return fmt.Sprintf("%s: come again in %v", e.Reason, e.After) }

// Unwrap returns the reason.
func (e Refused) Unwrap() error { return e.Reason }

// Wait returns how long to wait before the same call may succeed.
func (e Refused) Wait() time.Duration { return e.After }

// Limited returns ErrLimited with the time to wait.
func Limited(ms int64) error { return Refused{ErrLimited, Milliseconds(ms)} }

// Milliseconds returns ms as a time to wait, and at least 1 ms.
func Milliseconds(ms int64) time.Duration { return time.Duration(max(ms, 1)) * time.Millisecond }

// RateArgs returns the arguments that describe a rate to scripts: after how many us one
// unit comes back, and how many units a full budget has.
func RateArgs(r limit.Rate) []any { return []any{r.Every.Microseconds(), r.Burst} }

// Pass has those fields of a device's token that the store needs to check the token.
type Pass struct {
	User    int64
	Device  string
	Number  int64 // number of the login that made the token; zero: an earlier version made it
	Expires int64 // ms since 1970, by the store's clock
}

// Budget names a budget of an account. Each request takes something from one. The name is
// the field of the user's hash that has the budget.
type Budget string

// The budgets, each with the limit that it belongs to.
const (
	Messages Budget = "rate" // limit.Limits.Messages
	Groups   Budget = "rate:groups"
	Pulls    Budget = "rate:pulls"
	Reports  Budget = "rate:reports"
)

// MostCost bounds what one request takes from a budget, see rate.lua.
const MostCost = 1000

// charge is what a request takes from a budget.
type charge struct {
	budget Budget
	cost   int
	rate   limit.Rate
}

// Args returns the arguments with which a script checks the pass. The script has the
// device as another argument.
func (p *Pass) Args() []any {
	if p == nil {
		return []any{"", ""}
	}
	return []any{p.Number, p.Expires}
}

// Script returns an op that checks the pass.
func (p *Pass) Script() *op.Op { return p.script(nil) }

// script returns an op that checks the pass and takes from budgets. Although it takes
// something, it counts as an op that only reads. So if the connection breaks, it is
// repeated, and may take its cost twice.
func (p *Pass) script(taken []charge) *op.Op {
	args := append([]any{p.Device}, p.Args()...)
	for _, c := range taken {
		args = append(append(args, string(c.budget), c.cost), RateArgs(c.rate)...)
	}
	o := logref.Ref{User: p.User}.HashScript(tokenScript, args...)
	o.Write = false
	return o
}

// Read returns an op that reads the user's budget of messages, and the fields by which
// Verdict judges the pass. The op costs the store a third of the cost of the script. If
// there is no pass, the op reads the budget alone.
func (p *Pass) Read(user int64) *op.Op {
	hash := logref.Ref{User: user}.Hash()
	if p == nil {
		return op.Read(hash, []any{"hmget", hash, string(Messages)})
	}
	return op.Read(hash, []any{"hmget", hash, string(Messages), "out:" + p.Device, "out"})
}

// BudgetIn returns the budget of messages that an op of Read has read. A user who has sent
// nothing yet has a budget that was full long ago.
func BudgetIn(o *op.Op) string {
	fields, _ := o.Reply[0].([]any)
	return cmp.Or(op.Text(fields[0]), "1")
}

// Sufficient reports whether an op of Read has read enough for Verdict. It returns false
// if any device without cursors was logged out. Then the script must look whether the
// pass's own device has cursors.
func Sufficient(o *op.Op) bool {
	out, _ := o.Reply[0].([]any)
	return len(out) == 3 && (out[1] != nil || out[2] == nil)
}

// Verdict returns ErrVoid if the pass does not count at the time now, in ms by the store's
// clock, or nil. The op is answered, and was made by Read or by Script.
func (p *Pass) Verdict(o *op.Op, now int64) error {
	if o.Script != nil {
		return RefusalOf(o)
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

// RefusalOf returns ErrVoid if the op's script answered that the pass is void, ErrLimited
// if a budget has too little, or nil.
func RefusalOf(o *op.Op) error {
	if o.Err != nil {
		return nil
	}
	switch answer := op.Text(o.Reply[0]); answer {
	case "void", "expired":
		return fmt.Errorf("%w: %s", ErrVoid, answer)
	case "limited":
		return Limited(op.Integer(o.Reply[1]))
	}
	return nil
}

// Shared is a Pass that the calls of one request share. It is the guard of their context.
type Shared struct {
	Pass

	mu      sync.Mutex
	judged  bool
	err     error        // the result, if judged is set
	taken   []charge     // what judging takes from budgets
	refused func(*op.Op) // is called with the answered op of the pass; nil: nothing is taken
}

// With returns a context for calls that need a valid pass. If the pass is void, these calls
// change nothing and return ErrVoid. The store checks the pass once, at the first call with
// the context. If that call only reads, the check and the call go in one pipeline. If the
// call writes, the check comes first. Later calls with the context rely on the result.
func With(ctx context.Context, p Pass) context.Context {
	return op.WithGuard(ctx, &Shared{Pass: p})
}

// Of returns the pass of a context that With has made, or nil.
func Of(ctx context.Context) *Shared {
	p, _ := op.GuardOf(ctx).(*Shared)
	return p
}

// Take returns a context whose calls need no pass, and the pass that ctx has. The pass is
// nil if ctx has none. A charge of ctx is lost.
func Take(ctx context.Context) (context.Context, *Pass) {
	p := Of(ctx)
	if p == nil {
		return ctx, nil
	}
	return op.WithGuard(ctx, nil), &p.Pass
}

// Charge makes the check of the pass also take as many units as cost says from a budget.
// The parameter refused is a function that gets the answered op. If the pass was checked
// before, nothing is taken.
func (p *Shared) Charge(b Budget, cost int, rate limit.Rate, refused func(*op.Op)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken, p.refused = append(p.taken, charge{b, cost, rate}), refused
}

// Judge returns the verdict on the pass, nil or ErrVoid. If the pass was not checked
// before, Judge calls the function run to send the op that checks it. If the store does
// not answer, Judge returns the error of the op, and the next call checks the pass.
func (p *Shared) Judge(run func(*op.Op)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.judged {
		return p.err
	}
	o := p.script(p.taken)
	run(o)
	if p.refused != nil {
		p.refused(o)
	}
	if o.Err != nil {
		return o.Err
	}
	p.judged, p.err = true, RefusalOf(o)
	return p.err
}
