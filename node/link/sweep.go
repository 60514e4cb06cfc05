package link

import (
	"time"

	"github.com/cim-go/cim/proto"
)

// If a sweep is late by pauseIs, the process must have stood still. Bytes may wait in
// the sockets that were not read meanwhile. So after such a pause, silence is not
// judged until the next sweep.
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
	abort bool // there is no peer to send a goodbye to
}

// verdict returns the error with which the sweep closes the link, or nil.
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
		if over(since, l.server.loginTime()) {
			return &verdict{proto.LoginTimeout, false}
		}
	case reads && over(since, c.SilentAfter):
		return &verdict{proto.Silent, false}
	}
	return nil
}

// loginTime is how long a link may take to its first frame. Each sweep applies it anew.
// So a link that came while few links waited has less time once many wait.
func (s *Server) loginTime() time.Duration {
	if 4*s.silent.Load() < int64(s.config.LoginSlots) {
		return s.config.LoginQuiet
	}
	return s.config.LoginTimeout
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
