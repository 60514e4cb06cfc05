package sourceip

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// patience is how long a place is safe from being taken away. An honest client proves who
// it is within a round trip or two. If a client takes longer, its place can be taken
// away, even if the client is only slow.
const patience = time.Second

// Limiter bounds how many places each block of addresses holds at once. The nil
// Limiter bounds nothing. It is safe for concurrent use, and needs memory only for the
// held places.
type Limiter struct {
	max int

	mu     sync.Mutex
	blocks map[netip.Prefix]*list.List // lists of *Place, oldest first; no list is empty
}

// NewLimiter returns a Limiter of max places per block. If max is below one, it returns
// nil.
func NewLimiter(max int) *Limiter {
	if max < 1 {
		return nil
	}
	return &Limiter{max: max, blocks: make(map[netip.Prefix]*list.List)}
}

// Place is a place that Enter returned. A nil Limiter has nil Places.
type Place struct {
	limiter *Limiter
	block   netip.Prefix
	since   time.Time
	evict   func()
	at      *list.Element // nil: the place was freed or taken away; guarded by the limiter's mu
}

// Enter takes a place for the address a. The parameter now is the present time. If all
// places of a's block are held, Enter takes the oldest place away from its holder, but
// only if that place was held for a second or longer. It then calls the function evict
// of that place, on this goroutine and without a lock. So evict must not block. If all
// places are younger, Enter returns false. In this way, a peer that holds places
// without proving itself does not lock out others at its address.
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

// enter takes a place for p. It returns the place that was taken away for that, or nil.
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

// Leave frees the place. It is called when the holder has proved who it is, or has ended.
// It does nothing if the place was freed or taken away before.
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
