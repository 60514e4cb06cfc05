package record

import (
	"context"
	"fmt"
	"sync"
)

// args are the arguments of scripts that judge a pass of a device they know.
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

// refusalOf returns the error that a script's answer about a pass stands for, or nil.
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
	err    error // of a pass that was judged
}

type passKey struct{}

// WithPass returns a context for calls that need a valid pass. If the pass is void,
// these calls do nothing and return ErrVoid. The pass is judged once. That happens
// together with the first command if it only reads, or before the first command that
// writes. Later calls with the context rely on the result. See also Judge.
func WithPass(ctx context.Context, p Pass) context.Context {
	return context.WithValue(ctx, passKey{}, &judgedPass{Pass: p})
}

// Judge returns ErrVoid if the context has a pass that is void. It is for a caller that
// needs nothing else from the store. It also returns the store's errors.
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

// judge uses run to send the op that judges the pass, unless the pass was judged
// before. If the store does not answer, the pass stays unjudged.
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
