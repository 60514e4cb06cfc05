package admission

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A Verdict is what became of a request.
type Verdict uint8

// The verdicts. The zero Verdict lets a request in.
const (
	Admitted Verdict = iota
	Slow             // refused: the store answers too slowly for more of its class
	Full             // refused: the absolute maximum for its class is in flight
)

// Config of a Limiter.
type Config struct {
	// Most is how many requests may be in flight, and how many may wait in line,
	// whatever the store says; below zero: any number, and nothing is refused.
	Most int
	// Target is the answer time of the store beyond which it has too much to do.
	// Above zero.
	Target time.Duration
}

// Limiter counts requests in flight and says which to refuse. It is safe for
// concurrent use.
type Limiter struct {
	most   int
	target time.Duration

	mu       sync.Mutex
	limit    int
	starting bool // the store has never had too much to do
	inFlight int
	normal   int       // of inFlight, those of class Normal
	begun    time.Time // of the window
	window   window
	waiting  []*waiter // those whose turn comes first in front
	lines    [classes]line
}

// waiter is a request in line.
type waiter struct {
	class   Class
	refused int           // how often it was refused before
	turn    chan struct{} // closed when it was let in
}

// New returns a Limiter.
func New(c Config) *Limiter {
	return &Limiter{most: c.Most, target: c.Target, limit: min(first, c.Most), starting: true, begun: time.Now()}
}

// Enter counts one more request in, or says why it is refused. It never blocks.
// Whoever was let in calls Leave once, with the same class.
func (l *Limiter) Enter(c Class) Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.enterLocked(c)
}

func (l *Limiter) enterLocked(c Class) Verdict {
	if v := l.verdictLocked(c); v != Admitted {
		return v
	}
	if len(l.waiting) > 0 && l.waiting[0].class >= c { // not before those in line
		return Slow
	}
	l.admitLocked(c)
	return Admitted
}

// verdictLocked is what would become of one more request of the class.
func (l *Limiter) verdictLocked(c Class) Verdict {
	switch {
	case l.most < 0 || l.inFlight < room(c, l.limit, l.most):
		return Admitted
	case l.inFlight >= room(c, l.most, l.most):
		return Full
	case c == Normal && l.normal < always:
		return Admitted
	default:
		return Slow
	}
}

func (l *Limiter) admitLocked(c Class) {
	l.inFlight++
	if c == Normal {
		l.normal++
	}
	l.window.peak = max(l.window.peak, l.inFlight)
}

// Wait is Enter for a request of a class that waits in line for its turn. Within a
// class the line is in the order of how often a request was refused before, and then
// of its coming. It blocks for patience at most, or until ctx ends. What is refused is
// told when to come again, which is after those who were told before.
func (l *Limiter) Wait(ctx context.Context, c Class, refused int, patience time.Duration) (Verdict, time.Duration) {
	l.mu.Lock()
	v := l.enterLocked(c)
	if v == Admitted {
		l.mu.Unlock()
		return Admitted, 0
	}
	if len(l.waiting) >= l.most {
		defer l.mu.Unlock()
		return Full, l.lines[c].slot(time.Now())
	}
	w := &waiter{class: c, refused: refused, turn: make(chan struct{})}
	l.queueLocked(w)
	l.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-w.turn:
		return Admitted, 0
	case <-timer.C:
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.waiting, w)
	if i < 0 { // its turn came at the last moment
		return Admitted, 0
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	if v = l.verdictLocked(c); v == Admitted { // others were before it
		v = Slow
	}
	return v, l.lines[c].slot(time.Now())
}

// queueLocked puts a request behind those that come before it.
func (l *Limiter) queueLocked(w *waiter) {
	i := slices.IndexFunc(l.waiting, func(o *waiter) bool {
		return o.class < w.class || o.class == w.class && o.refused < w.refused
	})
	if i < 0 {
		i = len(l.waiting)
	}
	l.waiting = slices.Insert(l.waiting, i, w)
}

// nextLocked lets those in, in their order, for whom there is room.
func (l *Limiter) nextLocked() {
	n := 0
	for n < len(l.waiting) && l.verdictLocked(l.waiting[n].class) == Admitted {
		l.admitLocked(l.waiting[n].class)
		close(l.waiting[n].turn)
		n++
	}
	l.waiting = slices.Delete(l.waiting, 0, n)
}

// Leave counts a request of a class out.
func (l *Limiter) Leave(c Class) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight--
	if c == Normal {
		l.normal--
	}
	l.window.left++
	l.lines[c].served(time.Now())
	l.nextLocked()
}

// Answered tells how long the store took for something that was asked of it.
func (l *Limiter) Answered(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.window.answers++
	if took > l.target {
		l.window.late++
	}
	now := time.Now()
	if l.window.took = now.Sub(l.begun); l.window.took < interval {
		return
	}
	if l.most >= 0 {
		l.starting = l.starting && !l.window.tooLate()
		l.limit = next(l.limit, l.most, l.starting, l.target, l.window)
	}
	l.begun, l.window = now, window{peak: l.inFlight}
	l.nextLocked()
}

// InFlight returns the number of requests that were let in and have not left.
func (l *Limiter) InFlight() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inFlight
}

// Waiting returns the number of requests in line.
func (l *Limiter) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

// Limit returns how many requests may be in flight for one more of the class to
// be let in; below zero: any number.
func (l *Limiter) Limit(c Class) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most < 0 {
		return -1
	}
	return room(c, l.limit, l.most)
}
