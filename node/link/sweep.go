package link

import (
	"time"

	"github.com/cim-go/cim/proto"
)

// If a sweep comes later than planned by pauseIs, the process must have stood still.
// Bytes that came meanwhile may still wait in the sockets. So after such a pause, all
// time limits begin again.
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

// sweep checks all links once.
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

// sweep closes the link if it has exceeded a time limit. Otherwise it calls Tick.
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
	abort bool // close at once, because no goodbye would reach the peer
}

// verdict returns how the sweep must close the link, or nil if it must not.
func (l *Link) verdict(ms int64, c *Config) *verdict {
	over := func(since int64, d time.Duration) bool { return ms-since > d.Milliseconds() }
	l.mu.Lock()
	defer l.mu.Unlock()
	since, reads := l.since.Load(), l.mayReadLocked()
	switch {
	case l.out.Stalled() > 0 && over(l.out.Stalled(), c.StallTimeout):
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

// loginTime returns how long a link may take until its first frame. Each sweep calls it,
// so a link that came while few links waited has less time once many wait.
func (s *Server) loginTime() time.Duration {
	if 4*s.silent.Load() < int64(s.config.LoginSlots) {
		return s.config.LoginQuiet
	}
	return s.config.LoginTimeout
}

// forgive restarts the link's time limits after this process stood still.
func (l *Link) forgive(ms int64) {
	l.since.Store(ms)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out.Forgive(ms)
}

func (l *Link) isOpen() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state == stateOpen
}

func (c *census) add(l *Link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	phase := 1
	switch {
	case l.state != stateOpen:
		phase = 3
	case !l.loggedIn:
		phase = 0
	case l.out.Lagging():
		phase = 2
	}
	c.links[l.form][phase]++
	c.queued += l.out.Bytes()
}
