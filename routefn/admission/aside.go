package admission

import "context"

type placeKey struct{}

// place is the room in a Limiter that an admitted request of a class takes.
type place struct {
	limiter *Limiter
	class   Class
}

// WithPlace returns ctx with the place of an admitted request of class c, for Aside.
func (l *Limiter) WithPlace(ctx context.Context, c Class) context.Context {
	return context.WithValue(ctx, placeKey{}, place{l, c})
}

// Aside frees the place of ctx's request while the request waits for something other than
// the store. The caller must call the returned function back before it calls the store
// again, and before it returns. The function back takes the place again without waiting,
// even above the limit. If ctx has no place, Aside and back do nothing.
func Aside(ctx context.Context) (back func()) {
	p, ok := ctx.Value(placeKey{}).(place)
	if !ok {
		return func() {}
	}
	p.limiter.move(p.class, -1)
	return func() { p.limiter.move(p.class, 1) }
}

// move adds n, which may be negative, to the requests of class c in flight. Unlike Leave,
// it does not count a request as served.
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
