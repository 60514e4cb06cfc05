package record

import (
	"cmp"
	"context"
	"fmt"
	"sync"
)

// Pass is what a device's token says to the store.
type Pass struct {
	User    int64
	Device  string
	Number  int64 // of the login that it came with; zero: of a token from before it had one
	Expires int64 // ms since 1970, by the store's clock
}

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

// shown is a Pass on its way through the calls of one request.
type shown struct {
	Pass

	mu     sync.Mutex
	judged bool
	err    error // of a pass that was judged
}

type shownKey struct{}

// WithPass returns a context under which the Store does nothing unless the pass
// counts: its calls fail with ErrVoid. The pass is judged once, beside
// the first command that only reads, or before the first that writes: what follows
// under the context relies on that. See also Judge.
func WithPass(ctx context.Context, p Pass) context.Context {
	return context.WithValue(ctx, shownKey{}, &shown{Pass: p})
}

// Judge returns ErrVoid if the context has a pass that does not count,
// for a caller who needs nothing else of the store. It also returns the store's errors.
func (s *Store) Judge(ctx context.Context) error {
	p, _ := ctx.Value(shownKey{}).(*shown)
	if p == nil {
		return nil
	}
	err := p.judge(func(o *op) { s.runBy(ctx, s.exec, "token", []*op{o}) })
	if err != nil {
		return fmt.Errorf("judge token of %d: %w", p.User, err)
	}
	return nil
}

// judge has run take the op that judges the pass to the store, unless it was judged
// before. A store that does not answer leaves it unjudged.
func (p *shown) judge(run func(*op)) error {
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

// runShown is runBy for a call whose context may have a pass.
func (s *Store) runShown(ctx context.Context, by way, name string, ops []*op) {
	p, _ := ctx.Value(shownKey{}).(*shown)
	if p == nil || len(ops) == 0 {
		s.runBy(ctx, by, name, ops)
		return
	}
	done := false
	err := p.judge(func(o *op) {
		if done = onlyRead(ops); done {
			s.runBy(ctx, by, name, append(ops[:len(ops):len(ops)], o))
		} else {
			s.runBy(ctx, s.exec, "token", []*op{o})
		}
	})
	switch {
	case err != nil:
		fail(ops, err)
	case !done:
		s.runBy(ctx, by, name, ops)
	}
}

func onlyRead(ops []*op) bool {
	for _, o := range ops {
		if o.write {
			return false
		}
	}
	return true
}

// Logout ends the live session of a user's device, and makes every number, ticket and
// token void that the device was given until then: when it has returned nil they are
// void on every route, and with Config.Replicas on so many replicas. It returns the
// session that was live, or nil.
//
// A pass is that of who asks; nil: nobody shows one. A device whose pass is void logs
// itself out once more, without an error and without effect. For another one's
// device the error is ErrVoid or ErrExpired then. Further errors are ErrNoUser,
// ErrInvalid, ErrUnavailable and ErrUnknown; repeating it is harmless.
func (s *Store) Logout(ctx context.Context, user int64, device string, by *Pass) (*Session, error) {
	if err := checkNames(device); err != nil {
		return nil, fmt.Errorf("log out device of %d: %w", user, err)
	}
	asks := ""
	if by != nil {
		asks = by.Device
	}
	l := logRef{user: user}
	o := l.hashScript(logoutScript, append([]any{device, asks}, by.args()...)...)
	s.onLogsBy(ctx, s.accept, "logout", []logRef{l}, []*op{o})
	err := cmp.Or(o.err, refusalOf(o))
	switch {
	case err == nil:
		return parseSession(text(o.reply[1])), nil
	case o.err == nil && text(o.reply[0]) == "void" && by.Device == device: // it did before
		return nil, nil
	default:
		return nil, fmt.Errorf("log out device of %d: %w", user, err)
	}
}
