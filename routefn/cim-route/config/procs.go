package config

import (
	"context"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

// Each event that ends a wait for the network makes Go's scheduler wake one more
// thread than it has work for, in case there is more to come, if it may run on more
// than one processor. That thread searches, finds nothing and sleeps again. With few
// events a second this is a third of what a node or a route uses of a processor.
// So as long as one is enough, one is all that Go's scheduler may use.
const (
	procsTick = 50 * time.Millisecond        // give or take a quarter: regular events shall not meet every look
	crowded   = 0.75                         // processors used, above which one is too few
	roomy     = 0.6                          // and below which on average it is enough; what all use falls by a third on one
	meanTicks = int(time.Second / procsTick) // of the average: a collection of garbage is no load
	calmTicks = int(2 * time.Second / procsTick)
	// Where others use the machine, too, we may not get what we could use: then it is
	// the goroutines that wait, at every look, that one is too few for. A single one is
	// next in turn.
	waitTicks = int(500 * time.Millisecond / procsTick)
	waitQueue = 2
)

// Procs lets Go's scheduler use one processor while there is little to do, and as
// many as the system gives us when there is more. Its zero value is ready.
//
// With one processor, who computes for longer than a moment keeps the others from
// being heard for up to 10 ms. So whoever is about to do so says it (Busy).
type Procs struct {
	said atomic.Bool // Busy was called since the last tick
	one  atomic.Bool // the scheduler has one; written under mu

	mu     sync.Mutex
	decide procs
}

// Run adapts until ctx ends. To change the number stops the process for some
// microseconds. Who set GOMAXPROCS knows better: then, and where a process cannot
// learn what it used, Run does nothing. It always returns nil.
func (p *Procs) Run(ctx context.Context) error {
	used, ok := processorTime()
	if os.Getenv("GOMAXPROCS") != "" || runtime.GOMAXPROCS(0) == 1 || !ok {
		return nil
	}
	defer p.Busy()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(procsTick*3/4 + rand.N(procsTick/2)):
		}
		now := time.Now()
		before := used
		used, _ = processorTime()
		p.tick(float64(used-before) / float64(now.Sub(last)))
		last = now
	}
}

// Busy gives the scheduler all processors for two seconds at least. It costs some
// microseconds if it had one, and nothing to speak of otherwise.
func (p *Procs) Busy() {
	p.said.Store(true)
	if !p.one.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(p.decide.hear())
}

func (p *Procs) tick(used float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.said.Swap(false) {
		p.set(p.decide.hear())
	}
	p.set(p.decide.tick(used, waiting()))
}

// set is called under mu.
func (p *Procs) set(to change) {
	switch to {
	case one:
		p.one.Store(true)
		runtime.GOMAXPROCS(1)
	case all:
		p.one.Store(false)
		runtime.SetDefaultGOMAXPROCS()
	}
}

// procs decides at each tick. Its zero value stands for all processors.
type procs struct {
	one     bool
	mean    float64 // processors used, of late
	quiet   int     // ticks since somebody wanted more than one
	waiting int     // ticks in a row at which somebody waited
}

// change is what a tick decides.
type change int

const (
	none change = iota
	one
	all
)

// hear takes the word that there will be much to do.
func (p *procs) hear() change {
	p.quiet = 0
	if !p.one {
		return none
	}
	p.one = false
	return all
}

// tick takes how many processors were in use on average since the last, and how
// many goroutines wait for one.
func (p *procs) tick(used float64, waiting uint64) change {
	p.quiet++
	p.waiting++
	if waiting < waitQueue {
		p.waiting = 0
	}
	p.mean += (used - p.mean) / float64(meanTicks)
	switch {
	case p.waiting >= waitTicks, p.one && used > crowded:
		return p.hear()
	case !p.one && p.quiet >= calmTicks && p.mean < roomy:
		p.one = true
		return one
	}
	return none
}

// waiting returns how many goroutines could go on if there was a processor.
func waiting() uint64 {
	sample := []metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
