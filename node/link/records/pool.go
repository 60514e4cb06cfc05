package records

import "sync"

// Pool bounds how many handshakes compute at a time. One that waits for its peer does not
// count. Those that have begun go on before others begin.
type Pool struct {
	mu    sync.Mutex
	free  int             // places
	begun []chan struct{} // handshakes that want to go on
	fresh []func()        // handshakes that have not begun
}

// NewPool returns a Pool with so many places.
func NewPool(places int) *Pool { return &Pool{free: places} }

// Go calls f on a goroutine of its own, as soon as there is a place for it. It does not
// block. f must call Leave when it needs the place no more. The caller waits for f itself.
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

// Enter blocks until there is a place again for a caller that has left.
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
