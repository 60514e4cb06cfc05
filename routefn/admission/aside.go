package admission

import "context"

type placeKey struct{}

// place is what an admitted request takes up: one place in a Limiter, of a class.
type place struct {
	limiter *Limiter
	class   Class
}

// WithPlace returns ctx with the place of an admitted request of class c, for Aside.
func (l *Limiter) WithPlace(ctx context.Context, c Class) context.Context {
	return context.WithValue(ctx, placeKey{}, place{l, c})
}

// Aside gives the place of ctx's request to others while the request waits for
// something that is not the store. The caller must call the returned function before it
// calls the store again, and before it returns. That function never waits: it takes the
// place again even above the limit. If ctx has no place, both functions do nothing.
func Aside(ctx context.Context) (back func()) {
	p, ok := ctx.Value(placeKey{}).(place)
	if !ok {
		return func() {}
	}
	p.limiter.move(p.class, -1)
	return func() { p.limiter.move(p.class, 1) }
}

// move adds n, which may be negative, to the requests of class c in flight. Unlike
// Leave, it counts no request as served.
func (l *Limiter) move(c Class, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight += n
	if c == Normal {
		l.normal += n
	}
	l.window.peak = max(l.window.peak, l.inFlight)
	l.nextLocked()
}
