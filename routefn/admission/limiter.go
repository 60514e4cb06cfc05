package admission

import (
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
	// Most is how many requests may be in flight, whatever the store says; below
	// zero: any number, and nothing is refused.
	Most int
	// Target is the answer time of the store beyond which it has too much to do.
	// Above zero.
	Target time.Duration
}

// Limiter counts requests in flight and says which to refuse. It never blocks and
// is safe for concurrent use.
type Limiter struct {
	most   int
	target time.Duration

	mu       sync.Mutex
	limit    int
	starting bool // the store has never had too much to do
	inFlight int
	begun    time.Time // of the window
	window   window
}

// New returns a Limiter.
func New(c Config) *Limiter {
	return &Limiter{most: c.Most, target: c.Target, limit: min(first, c.Most), starting: true, begun: time.Now()}
}

// Enter counts one more request in, or says why it is refused. Whoever was let in
// calls Leave once.
func (l *Limiter) Enter(c Class) Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most >= 0 && l.inFlight >= room(c, l.limit, l.most) {
		if l.inFlight >= room(c, l.most, l.most) {
			return Full
		}
		return Slow
	}
	l.inFlight++
	l.window.peak = max(l.window.peak, l.inFlight)
	return Admitted
}

// Leave counts a request out.
func (l *Limiter) Leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight--
	l.window.left++
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
}

// InFlight returns the number of requests that were let in and have not left.
func (l *Limiter) InFlight() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inFlight
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
