package config

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The live heap of a node or route is a few megabytes, so that Go's default of
// collecting when it has doubled means a dozen collections a second under load, each
// of which goes through all connections. While there is load, the heap may grow by
// room instead; when there is none, memory is what counts.
const (
	room    = 32 << 20        // bytes that may be garbage while there is load
	busyGCs = 2               // collections a second that are load
	calm    = 5 * time.Second // without a collection, after which there is none
	loadGC  = 100             // percent of the live heap that may be garbage at least under load; Go's default
	calmGC  = 50              // and without
)

// PaceGC adapts how often memory is collected until ctx ends, and gives what a burst
// left behind back to the system when it is over: logging in leaves ten times as
// much garbage as a connection keeps. Who set GOGC knows better: then it does
// nothing. It always returns nil.
func PaceGC(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	p := pacer{percent: calmGC}
	debug.SetGCPercent(calmGC)
	p.cycles, _ = collected()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
		before := p.percent
		if p.tick(collected()); p.percent == before {
			continue
		}
		debug.SetGCPercent(p.percent)
		if p.percent == calmGC {
			debug.FreeOSMemory()
		}
	}
}

// pacer decides once a second.
type pacer struct {
	cycles  uint64 // collections so far
	quiet   int    // seconds without one
	percent int
}

// tick takes the number of collections so far and the live heap in bytes.
func (p *pacer) tick(cycles, live uint64) {
	more := cycles - p.cycles
	p.cycles = cycles
	if more > 0 {
		p.quiet = 0
	} else {
		p.quiet++
	}
	switch {
	case more > busyGCs:
		p.percent = max(loadGC, int(100*room/max(live, 1<<20)))
	case p.quiet >= int(calm/time.Second):
		p.percent = calmGC
	}
}

// collected returns how many collections there were, and what the last one left.
func collected() (cycles, live uint64) {
	samples := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}
