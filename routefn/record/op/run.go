package op

import "context"

// Run sends ops, to all servers at once, in pipelines of at most MaxPipeline ops. It
// blocks until all ops are answered or ctx ends. Each op then has its reply or its
// error. One server executes its ops in their order. If a pipeline to a server fails,
// or after half of Config.ReadTimeout, that server gets no further pipeline. Ops that
// were not sent get ErrUnavailable.
func (d *DB) Run(ctx context.Context, name string, ops ...*Op) {
	d.runGuarded(ctx, d.exec, name, ops)
}

// Accept does what Run does, for writes that are acknowledged to a sender. An op succeeds
// only when as many replicas as Config.Replicas says have it. These replicas then also
// have everything that the server had executed before the op. Each op must write
// something, even if it finds its work done already. WAIT answers for the last write of
// its connection, so without a write the answer would mean nothing.
func (d *DB) Accept(ctx context.Context, name string, ops ...*Op) {
	by := d.exec
	if d.writers != nil {
		by = d.writers.exec
	}
	d.runGuarded(ctx, by, name, ops)
}

// Guard decides whether the operations of a context may be sent (see WithGuard).
type Guard interface {
	// Judge returns nil if the operations may be sent. If not, it returns the error that
	// all of them get. Run and Accept call it first. If Judge needs an answer of the store,
	// it calls the function run once, with an op that counts as one that only reads. That
	// function returns when the op is answered.
	Judge(run func(*Op)) error
}

type guardKey struct{}

// WithGuard returns a context for calls that need the consent of g. If such a call only
// reads, the op of the guard is sent with it in one pipeline. So the store may execute
// the operations of the call even if g refuses them. Their answers are then dropped. If
// the call writes, the guard's op is sent first.
func WithGuard(ctx context.Context, g Guard) context.Context {
	return context.WithValue(ctx, guardKey{}, g)
}

// GuardOf returns the guard of a context, or nil.
func GuardOf(ctx context.Context) Guard {
	g, _ := ctx.Value(guardKey{}).(Guard)
	return g
}

// Judge calls the guard of the context now and returns its verdict. It returns nil if
// there is no guard. It is for a request that needs nothing else from the store.
func (d *DB) Judge(ctx context.Context) error {
	g := GuardOf(ctx)
	if g == nil {
		return nil
	}
	return g.Judge(func(o *Op) { d.runBy(ctx, d.exec, guardOp, []*Op{o}) })
}

// guardOp is the name by which metrics know the ops of guards.
const guardOp = "token"

// runGuarded does what runBy does, if the guard of the context allows it.
func (d *DB) runGuarded(ctx context.Context, by execFunc, name string, ops []*Op) {
	g := GuardOf(ctx)
	if g == nil || len(ops) == 0 {
		d.runBy(ctx, by, name, ops)
		return
	}
	done := false
	err := g.Judge(func(o *Op) {
		if done = onlyRead(ops); done {
			d.runBy(ctx, by, name, append(ops[:len(ops):len(ops)], o))
		} else {
			d.runBy(ctx, d.exec, guardOp, []*Op{o})
		}
	})
	switch {
	case err != nil:
		fail(ops, err)
	case !done:
		d.runBy(ctx, by, name, ops)
	}
}

func onlyRead(ops []*Op) bool {
	for _, o := range ops {
		if o.Write {
			return false
		}
	}
	return true
}
