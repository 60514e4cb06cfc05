package attack

import (
	"context"
	"sync"
	"time"

	"github.com/cim-go/cim/proto/retry"
)

// tick is the time between two looks at the clock.
const tick = 10 * time.Millisecond

// Punctuality measures the largest delay of a timer of 10 ms. The delay shows whether the
// operating system let a process run in time. A Punctuality is safe for concurrent use.
// Make it with NewPunctuality.
type Punctuality struct {
	mu    sync.Mutex
	most  time.Duration
	worst time.Duration
	over  chan struct{} // closed when the value of worst is larger than that of most
}

// NewPunctuality returns a Punctuality. The parameter most is the delay that its timer may
// have.
func NewPunctuality(most time.Duration) *Punctuality {
	return &Punctuality{most: most, over: make(chan struct{})}
}

// Run watches until ctx ends.
func (p *Punctuality) Run(ctx context.Context) {
	for next := time.Now().Add(tick); retry.Sleep(ctx, time.Until(next)); next = time.Now().Add(tick) {
		p.note(time.Since(next))
	}
}

func (p *Punctuality) note(late time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.worst <= p.most && late > p.most {
		close(p.over)
	}
	p.worst = max(p.worst, late)
}

// Begin forgets how late the timer was before.
func (p *Punctuality) Begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.worst > p.most {
		p.over = make(chan struct{})
	}
	p.worst = 0
}

// Over returns a channel that is closed when the timer is too late. Begin makes a new
// channel.
func (p *Punctuality) Over() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.over
}

// Late returns the largest delay of the timer since Begin.
func (p *Punctuality) Late() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.worst
}
