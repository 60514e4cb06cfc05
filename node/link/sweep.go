package link

import (
	"time"

	"github.com/cim-go/cim/proto"
)

// pauseIs is how late a sweep is when the process must have been stopped or cut
// off from time. Bytes may then wait in the sockets that nobody had the chance
// to read, so silence is not judged for another sweep after such a pause.
const pauseIs = 5 * time.Second

func (s *Server) sweepUntil(ended <-chan struct{}) {
	ticks := time.NewTicker(s.every)
	defer ticks.Stop()
	for {
		select {
		case <-ended:
			return
		case <-ticks.C:
			s.sweep(time.Now())
		}
	}
}

// sweep looks over all links once.
func (s *Server) sweep(now time.Time) {
	last := s.clock.Load()
	ms := now.Sub(s.start).Milliseconds()
	s.clock.Store(ms)
	if ms-last > pauseIs.Milliseconds() {
		s.list.each(func(l *Link) { l.forgive(ms) })
		return
	}
	var held census
	s.list.each(func(l *Link) {
		l.sweep(now, ms)
		held.add(l)
	})
	s.metrics.hold(&held)
}

// sweep closes a link that has used up its time.
func (l *Link) sweep(now time.Time, ms int64) {
	c := &l.server.config
	switch v := l.verdict(ms, c); {
	case v == nil:
		if l.isOpen() {
			l.handler.Tick(now)
		}
	case v.abort:
		l.abort(v.code)
	default:
		l.Close(v.code, "")
	}
}

type verdict struct {
	code  proto.Code
	abort bool // there is nobody to say goodbye to
}

// verdict says what the clock does to the link; nil: nothing.
func (l *Link) verdict(ms int64, c *Config) *verdict {
	over := func(since int64, d time.Duration) bool { return ms-since > d.Milliseconds() }
	l.mu.Lock()
	defer l.mu.Unlock()
	since, reads := l.since.Load(), l.mayReadLocked()
	switch {
	case l.out.stalled() > 0 && over(l.out.stalled(), c.StallTimeout):
		return &verdict{proto.TooSlow, true}
	case l.state != stateOpen:
		if over(since, c.Linger) {
			return &verdict{proto.OK, true}
		}
	case !l.loggedIn:
		if over(since, c.LoginTimeout) {
			return &verdict{proto.LoginTimeout, false}
		}
	case reads && over(since, c.SilentAfter):
		return &verdict{proto.Silent, false}
	}
	return nil
}

// forgive restarts the link's clocks after a pause of ours.
func (l *Link) forgive(ms int64) {
	l.since.Store(ms)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out.forgive(ms)
}

func (l *Link) isOpen() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state == stateOpen
}
