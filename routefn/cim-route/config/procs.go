package config

import (
	"context"
	"os"
	"runtime"
	"runtime/metrics"
	"time"
)

// Each event that ends a wait for the network makes Go's scheduler wake one more
// thread than it has work for, in case there is more to come, if it may run on more
// than one processor. That thread searches, finds nothing and sleeps again. With few
// events a second this is a third of what a node or a route uses of a processor.
// So as long as one is enough, one is all that Go's scheduler may use.
const (
	procsTick = 50 * time.Millisecond
	crowded   = 0.75 // processors used, above which one is too few
	roomy     = 0.5  // and below which it is enough; what all use falls by a third on one
	calmTicks = int(2 * time.Second / procsTick)
	// Where others use the machine, too, we may not get what we could use: then it is
	// the goroutines that wait, at every look, that one is too few for.
	waitTicks = int(500 * time.Millisecond / procsTick)
)

// PaceProcs lets Go's scheduler use one processor while there is little to do, and
// as many as the system gives us when there is more, until ctx ends. To change it
// stops the process for some microseconds. Who set GOMAXPROCS knows better: then,
// and where a process cannot learn what it used, it does nothing. It always returns
// nil.
func PaceProcs(ctx context.Context) error {
	used, ok := processorTime()
	if os.Getenv("GOMAXPROCS") != "" || runtime.GOMAXPROCS(0) == 1 || !ok {
		return nil
	}
	defer runtime.SetDefaultGOMAXPROCS()
	ticks := time.NewTicker(procsTick)
	defer ticks.Stop()
	var p procs
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
		now := time.Now()
		before := used
		used, _ = processorTime()
		switch p.tick(float64(used-before)/float64(now.Sub(last)), waiting()) {
		case one:
			runtime.GOMAXPROCS(1)
		case all:
			runtime.SetDefaultGOMAXPROCS()
		}
		last = now
	}
}

// procs decides at each tick. Its zero value stands for all processors.
type procs struct {
	one     bool
	quiet   int // ticks in a row in which one would have been enough
	waiting int // ticks in a row at which somebody waited
}

// change is what a tick decides.
type change int

const (
	none change = iota
	one
	all
)

// tick takes how many processors were in use on average since the last, and how
// many goroutines wait for one.
func (p *procs) tick(used float64, waiting uint64) change {
	p.quiet++
	p.waiting++
	if waiting == 0 {
		p.waiting = 0
	}
	if used >= roomy || p.waiting >= waitTicks {
		p.quiet = 0
	}
	switch {
	case p.one && (used > crowded || p.waiting >= waitTicks):
		p.one = false
		return all
	case !p.one && p.quiet >= calmTicks:
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
