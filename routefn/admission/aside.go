package admission

import "context"

type placeKey struct{}

// place is that of an admitted request.
type place struct {
	limiter *Limiter
	class   Class
}

// WithPlace returns a context of a request of the class that was admitted.
func (l *Limiter) WithPlace(ctx context.Context, c Class) context.Context {
	return context.WithValue(ctx, placeKey{}, place{l, c})
}

// Aside gives the place of ctx's request to others while the request waits for something
// that is not the store. The caller must call back before it calls the store again, and
// before it returns. back never waits: the place is taken again beyond any limit. Without
// a place in ctx both do nothing.
func Aside(ctx context.Context) (back func()) {
	p, ok := ctx.Value(placeKey{}).(place)
	if !ok {
		return func() {}
	}
	p.limiter.move(p.class, -1)
	return func() { p.limiter.move(p.class, 1) }
}

// move changes how many requests of a class are in flight. It counts none as served.
func (l *Limiter) move(c Class, by int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight += by
	if c == Normal {
		l.normal += by
	}
	l.window.peak = max(l.window.peak, l.inFlight)
	l.nextLocked()
}
