package sourceip

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// patience is how long a held place is safe from those who come after it. An honest
// client proves itself within a round trip or two. If a client holds a place for
// longer, it may only be slow, but its place can be taken.
const patience = time.Second

// Limiter bounds how many places each block of addresses holds at once. The nil
// Limiter bounds nothing. It is safe for concurrent use, and costs memory for what is
// held alone.
type Limiter struct {
	max int

	mu     sync.Mutex
	blocks map[netip.Prefix]*list.List // of *Place, oldest first; none is empty
}

// NewLimiter returns a Limiter of max places per block. With max below one it
// returns nil.
func NewLimiter(max int) *Limiter {
	if max < 1 {
		return nil
	}
	return &Limiter{max: max, blocks: make(map[netip.Prefix]*list.List)}
}

// Place is a place that Enter returned. The nil Place is one of a nil Limiter.
type Place struct {
	limiter *Limiter
	block   netip.Prefix
	since   time.Time
	evict   func()
	at      *list.Element // nil: given back; guarded by the limiter's mu
}

// Enter takes a place for a at the time now. If all places of a's block are taken,
// Enter takes the oldest one away if it was held for a second or longer. It calls that
// place's evict on this goroutine and without a lock; evict must not block. So a peer
// that holds places and proves nothing keeps nobody else at its address out. If all
// places are younger, Enter reports false.
func (l *Limiter) Enter(a netip.Addr, now time.Time, evict func()) (*Place, bool) {
	if l == nil {
		return nil, true
	}
	p := &Place{limiter: l, block: Block(a), since: now, evict: evict}
	old, ok := l.enter(p)
	if old != nil {
		old.evict()
	}
	if !ok {
		return nil, false
	}
	return p, true
}

// enter returns the place that p took away, if any.
func (l *Limiter) enter(p *Place) (old *Place, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := l.blocks[p.block]
	if held == nil {
		held = list.New()
		l.blocks[p.block] = held
	}
	if held.Len() >= l.max {
		oldest := held.Front().Value.(*Place)
		if p.since.Sub(oldest.since) < patience {
			return nil, false
		}
		old = oldest
		held.Remove(old.at)
		old.at = nil
	}
	p.at = held.PushBack(p)
	return old, true
}

// Leave returns the place. It is called when its holder has proved who it is, or has
// ended. A second call, or one for a place that was taken away, does nothing.
func (p *Place) Leave() {
	if p == nil {
		return
	}
	l := p.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.at == nil {
		return
	}
	held := l.blocks[p.block]
	held.Remove(p.at)
	p.at = nil
	if held.Len() == 0 {
		delete(l.blocks, p.block)
	}
}

// Held returns how many places all blocks hold together.
func (l *Limiter) Held() int {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, held := range l.blocks {
		n += held.Len()
	}
	return n
}
