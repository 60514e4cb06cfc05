package admission

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A Verdict is the decision whether a request is admitted.
type Verdict uint8

// The verdicts. The zero Verdict is Admitted.
const (
	Admitted  Verdict = iota
	Slow              // refused: the store answers too slowly for one more of the class
	Full              // refused: the absolute maximum for the class is in flight
	OverShare         // refused: its user has too many requests in flight, see Share
	Braked            // refused: too many requests of its user wait, see Brake
)

// Config of a Limiter.
type Config struct {
	// Most is the absolute maximum of requests in flight, and also of requests in the
	// queue. If it is negative, no request is refused.
	Most int
	// Target is the longest answer time of a store that is not overloaded. It is above
	// zero.
	Target time.Duration
}

// Limiter counts requests in flight and decides which to refuse. It is safe for
// concurrent use.
type Limiter struct {
	most   int
	target time.Duration

	mu       sync.Mutex
	limit    int
	starting bool // the store was never overloaded
	inFlight int
	normal   int       // requests of class Normal in flight
	held     int       // places of logins and old pages that Hold has taken
	since    time.Time // when held became positive
	credit   int       // how many logins and old pages may be admitted while the store is slow
	lasts    time.Time // the time until which credit is valid
	begun    time.Time // when the window began
	window   window
	waiting  []*waiter // the queue, the next one to be admitted first
	refused  time.Time // when a request was last refused
	lines    [classes]line
}

// waiter is a request in the queue.
type waiter struct {
	class   Class
	refused int           // how often it was refused before
	turn    chan struct{} // closed when it is admitted
}

// New returns a Limiter.
func New(c Config) *Limiter {
	return &Limiter{most: c.Most, target: c.Target, limit: min(first, c.Most), starting: true, begun: time.Now()}
}

// Enter admits one more request, or returns why it refuses it. It does not block. After
// Admitted the caller must call Leave once, with the same class.
func (l *Limiter) Enter(c Class) Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.enterLocked(c)
}

func (l *Limiter) enterLocked(c Class) Verdict {
	if v := l.verdictLocked(c); v != Admitted {
		l.refused = time.Now()
		return v
	}
	if len(l.waiting) > 0 && l.waiting[0].class >= c && (c.yields() || l.held == 0) {
		return Slow // requests in the queue come first, unless they wait for a report
	}
	l.admitLocked(c)
	return Admitted
}

// verdictLocked returns the verdict on one more request of the class. It admits nothing.
func (l *Limiter) verdictLocked(c Class) Verdict {
	busy := l.inFlight
	held := l.heldLocked()
	if c.yields() {
		busy += held
	}
	switch {
	case c.yields() && l.behindLocked() && (held > 0 || l.credit <= 0):
		return Slow
	case l.most < 0 || busy < room(c, l.limit, l.most):
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
	if c == Backlog {
		l.credit = min(l.credit, more)
	}
	if c.yields() {
		l.credit = max(0, l.credit-1)
	}
	l.window.peak = max(l.window.peak, l.inFlight)
}

// Wait does what Enter does, for a request that may wait in the queue. The parameter
// refused is how often the request was refused before. Within a class, requests that were
// refused more often come first. Of requests that were refused equally often, the older
// one comes first. Wait blocks until the request is admitted, until the duration in the
// parameter patience is over, or until ctx ends. If it refuses the request, it also
// returns when to retry. Later requests get a later time.
func (l *Limiter) Wait(ctx context.Context, c Class, refused int, patience time.Duration) (Verdict, time.Duration) {
	l.mu.Lock()
	v := l.enterLocked(c)
	if v == Admitted {
		l.mu.Unlock()
		return Admitted, 0
	}
	if !l.mayWaitLocked(c) {
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
	if i < 0 { // the request was admitted meanwhile
		return Admitted, 0
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	if v = l.verdictLocked(c); v == Admitted { // there is room now, but other requests are before this one in the queue
		v = Slow
	}
	return v, l.lines[c].slot(time.Now())
}

// mayWaitLocked reports whether the queue has room for one more request of the class.
// Messages get a quarter of the queue at most, so that they cannot displace all logins.
func (l *Limiter) mayWaitLocked(c Class) bool {
	if c != Sheddable || len(l.waiting) >= l.most {
		return len(l.waiting) < l.most
	}
	messages := 0
	for _, w := range l.waiting {
		if w.class == Sheddable {
			messages++
		}
	}
	return messages < l.most/4
}

// queueLocked inserts a request into the queue at its place.
func (l *Limiter) queueLocked(w *waiter) {
	i := slices.IndexFunc(l.waiting, func(o *waiter) bool {
		return o.class < w.class || o.class == w.class && o.refused < w.refused
	})
	if i < 0 {
		i = len(l.waiting)
	}
	l.waiting = slices.Insert(l.waiting, i, w)
}

// behindLocked reports whether logins and old pages are admitted only while there is
// credit. That is so while the limit is at its minimum, and a report is being served or is
// expected soon.
func (l *Limiter) behindLocked() bool {
	return l.most >= 0 && l.limit <= floor && (l.held > 0 || time.Now().Before(l.lasts))
}

// heldLocked returns how many places count as held. The number is 0 if reports have
// followed each other without a pause for longer than the time lasting. So users can log
// in while several nodes report all their sessions.
func (l *Limiter) heldLocked() int {
	if time.Since(l.since) >= lasting {
		return 0
	}
	return l.held
}

// nextLocked admits requests of the queue in their order while there is room. While a
// report holds places (Hold), logins and old pages (Backlog) may have to wait, and
// messages may overtake them.
func (l *Limiter) nextLocked() {
	var held Class // class of the requests that were overtaken
	stay := l.waiting[:0]
	for i, w := range l.waiting {
		if w.class == held && len(stay) > 0 {
			stay = append(stay, w)
			continue
		}
		if l.verdictLocked(w.class) == Admitted {
			l.admitLocked(w.class)
			close(w.turn)
			continue
		}
		if !w.class.yields() || l.held == 0 {
			stay = append(stay, l.waiting[i:]...)
			break
		}
		held, stay = w.class, append(stay, w)
	}
	clear(l.waiting[len(stay):])
	l.waiting = stay
}

// Leave ends an admitted request of a class.
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

// Hold takes n of the places for logins and old pages until the returned function release
// is called. If there are fewer than n such places, it takes all of them. Hold is for a
// request in flight that makes n calls to the store. Logins and old pages must wait for
// these calls.
//
// While the store is slow, Hold takes all their places. After release, n logins and old
// pages and a few more may be admitted, until the next Hold, or for the time lasting. If
// calls of Hold follow each other without a pause for longer than that time, they take no
// places. Then only the number of admissions after release is bounded.
func (l *Limiter) Hold(n int) (release func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == 0 {
		l.since = time.Now()
	}
	l.held += n
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.held -= n
		l.credit, l.lasts = n+more, time.Now().Add(lasting)
		l.nextLocked()
		if len(l.waiting) > 0 && l.behindLocked() {
			time.AfterFunc(lasting, l.next) // this admits the waiting requests if no other event has done so before
		}
	}
}

// next admits requests of the queue while there is room.
func (l *Limiter) next() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nextLocked()
}

// Answered records the time that the store needed for one answer. Once per interval it
// adapts the limit.
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

// InFlight returns the number of admitted requests that have not left.
func (l *Limiter) InFlight() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inFlight
}

// Waiting returns the number of requests in the queue.
func (l *Limiter) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

// Spare returns how many places for requests of class c are left that nobody else wants.
// It returns zero while requests wait in the queue. It also does so for a second after a
// request found no place, because the client of that request will come again.
func (l *Limiter) Spare(c Class) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 || time.Since(l.refused) < soonest {
		return 0
	}
	return max(0, room(c, l.limit, l.most)-l.inFlight)
}

// Limit returns the number of requests in flight below which one more of class c is
// admitted. The number is negative if there is no limit.
func (l *Limiter) Limit(c Class) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most < 0 {
		return -1
	}
	return room(c, l.limit, l.most)
}
