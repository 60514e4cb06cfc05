package record

import (
	"context"
	"fmt"
	"sync"
)

// args returns the arguments by which a script judges the pass. The script has the
// device as another argument.
func (p *Pass) args() []any {
	if p == nil {
		return []any{"", ""}
	}
	return []any{p.Number, p.Expires}
}

// op returns an op that judges the pass.
func (p *Pass) op() *op {
	o := logRef{user: p.User}.hashScript(tokenScript, append([]any{p.Device}, p.args()...)...)
	o.write = false
	return o
}

// refusalOf returns ErrVoid if the op's script answered that the pass is void, or nil.
func refusalOf(o *op) error {
	if o.err != nil {
		return nil
	}
	switch answer := text(o.reply[0]); answer {
	case "void", "expired":
		return fmt.Errorf("%w: %s", ErrVoid, answer)
	}
	return nil
}

// judgedPass is a Pass that the calls of one request share.
type judgedPass struct {
	Pass

	mu     sync.Mutex
	judged bool
	err    error // the result, if judged is set
}

type passKey struct{}

// WithPass returns a context for calls that need a valid pass. If the pass is void,
// these calls change nothing and return ErrVoid. The pass is judged once, at the first
// call with the context. If that call only reads, both go together in one pipeline. If
// it writes, the pass is judged before. Later calls with the context rely on the
// result. See also Judge.
func WithPass(ctx context.Context, p Pass) context.Context {
	return context.WithValue(ctx, passKey{}, &judgedPass{Pass: p})
}

// Judge returns ErrVoid if the context has a pass and the pass is void, or the store's
// error. It is for a request that needs nothing else from the store.
func (s *Store) Judge(ctx context.Context) error {
	p, _ := ctx.Value(passKey{}).(*judgedPass)
	if p == nil {
		return nil
	}
	err := p.judge(func(o *op) { s.runBy(ctx, s.exec, "token", []*op{o}) })
	if err != nil {
		return fmt.Errorf("judge token of %d: %w", p.User, err)
	}
	return nil
}

// judge returns the verdict on the pass, nil or ErrVoid. If the pass was not judged
// before, it has the function run send the op that judges it. If the store does not
// answer, judge returns its error, and the pass stays unjudged.
func (p *judgedPass) judge(run func(*op)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.judged {
		return p.err
	}
	o := p.op()
	run(o)
	if o.err != nil {
		return o.err
	}
	p.judged, p.err = true, refusalOf(o)
	return p.err
}
