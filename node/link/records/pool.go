package records

import "sync"

// Pool bounds how many handshakes compute at a time. A handshake that waits for its peer
// does not count. Handshakes that have begun get a place before new ones.
type Pool struct {
	mu    sync.Mutex
	free  int             // how many places are free
	begun []chan struct{} // each has begun and waits for a place to go on
	fresh []func()        // each has not begun and waits for a place
}

// NewPool returns a Pool for at most so many handshakes at a time: the places.
func NewPool(places int) *Pool { return &Pool{free: places} }

// Go calls f on a goroutine of its own, as soon as there is a place for it. It does not
// block. f must call Leave when it does not need the place any longer. To wait until f
// ends is the caller's task.
func (p *Pool) Go(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free == 0 {
		p.fresh = append(p.fresh, f)
		return
	}
	p.free--
	go f()
}

// Leave gives a place back.
func (p *Pool) Leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case len(p.begun) > 0:
		close(p.begun[0])
		p.begun[0] = nil
		p.begun = p.begun[1:]
	case len(p.fresh) > 0:
		go p.fresh[0]()
		p.fresh[0] = nil
		p.fresh = p.fresh[1:]
	default:
		p.free++
	}
}

// Enter blocks until a caller that has left its place has a place again.
func (p *Pool) Enter() {
	p.mu.Lock()
	if p.free > 0 {
		p.free--
		p.mu.Unlock()
		return
	}
	place := make(chan struct{})
	p.begun = append(p.begun, place)
	p.mu.Unlock()
	<-place
}
