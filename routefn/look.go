package routefn

import (
	"sync"
	"time"
)

// looks lets one look for due messages be under way in this process. Whoever asks
// meanwhile shares the next one with all others who do: a thousand nodes cost the
// store little more than one, and every answer comes of a look that began after its
// question, so that it knows of what was scheduled before. The zero looks is ready.
type looks struct {
	mu   sync.Mutex
	next *look         // that has not begun; nil: none is wanted
	last chan struct{} // closed when the latest that was wanted is over; nil: there was none
}

// A look is one that several wait for.
type look struct {
	before chan struct{} // closed when it may begin; nil: at once
	over   chan struct{} // closed when the answer is there
	ask    time.Duration
	err    error
}

// share returns what run does, which may be that of another caller. It blocks until
// that is over, and before it for the look that is under way.
func (l *looks) share(run func() (time.Duration, error)) (time.Duration, error) {
	mine, first := l.join()
	if !first {
		<-mine.over
		return mine.ask, mine.err
	}
	defer close(mine.over)
	if mine.before != nil {
		<-mine.before
	}
	l.begin()
	mine.ask, mine.err = run()
	return mine.ask, mine.err
}

// join returns the next look, and whether the caller is the one to do it.
func (l *looks) join() (next *look, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if first = l.next == nil; first {
		l.next = &look{before: l.last, over: make(chan struct{})}
		l.last = l.next.over
	}
	return l.next, first
}

// begin has whoever comes from now on wait for another one.
func (l *looks) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = nil
}
