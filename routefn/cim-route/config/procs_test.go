package config

import (
	"context"
	"runtime"
	"testing"
	"time"
)

func ticks(p *procs, n int, used float64, waiting uint64) (last change) {
	for range n {
		if c := p.tick(used, waiting); c != none {
			last = c
		}
	}
	return last
}

func TestOneProcessorIsUsedWhileItIsEnough(t *testing.T) {
	var p procs
	if c := ticks(&p, calmTicks-1, 0.4, 0); c != none {
		t.Fatalf("change %d before it was calm for two seconds", c)
	}
	if c := p.tick(0.4, 0); c != one {
		t.Fatalf("change %d after two calm seconds", c)
	}
	if c := ticks(&p, 100, 0.7, 0); c != none {
		t.Fatalf("change %d at a load between the bounds", c)
	}
	if c := p.tick(0.8, 0); c != all {
		t.Fatalf("change %d in the first tick in which one was too few", c)
	}
	if c := ticks(&p, 100, 0.7, 0); c != none {
		t.Fatalf("change %d at a load between the bounds, from above", c)
	}
}

func TestShortWorkIsNoLoad(t *testing.T) {
	var p procs
	ticks(&p, calmTicks/2, 0.4, 0)
	p.tick(1.5, 0) // a collection of garbage
	if c := ticks(&p, calmTicks/2-1, 0.4, 0); c != one {
		t.Fatalf("change %d after two seconds", c)
	}
}

func TestLoadIsForgottenSlowly(t *testing.T) {
	var p procs
	ticks(&p, calmTicks, 2, 0)
	if c := ticks(&p, meanTicks, 0.4, 0); c != none {
		t.Fatalf("change %d a second after the load", c)
	}
	if c := ticks(&p, meanTicks, 0.4, 0); c != one {
		t.Fatalf("change %d two seconds after the load", c)
	}
}

func TestGoroutinesThatWaitAllTheTimeGetAllProcessors(t *testing.T) {
	p := procs{one: true}
	if c := ticks(&p, waitTicks-1, 0.3, 4); c != none {
		t.Fatalf("change %d after less than half a second", c)
	}
	if c := p.tick(0.3, 0); c != none {
		t.Fatalf("change %d though nobody waits any more", c)
	}
	if c := ticks(&p, 100, 0.3, 1); c != none {
		t.Fatalf("change %d though he who waits is next", c)
	}
	if c := ticks(&p, waitTicks, 0.3, 2); c != all {
		t.Fatalf("change %d after half a second of waiting", c)
	}
	if c := ticks(&p, calmTicks, 0.3, 2); c != none {
		t.Fatalf("change %d though somebody waits", c)
	}
}

func TestWhoSaysThatThereWillBeMuchToDoIsHeardForTwoSeconds(t *testing.T) {
	var p procs
	ticks(&p, calmTicks, 0.1, 0)
	if c := p.hear(); c != all {
		t.Fatalf("change %d at the word", c)
	}
	if c := ticks(&p, calmTicks-1, 0.1, 0); c != none {
		t.Fatalf("change %d within two seconds", c)
	}
	if c := p.hear(); c != none {
		t.Fatalf("change %d at the second word", c)
	}
	if c := ticks(&p, calmTicks-1, 0.1, 0); c != none {
		t.Fatalf("change %d within two seconds of the second word", c)
	}
	if c := p.tick(0.1, 0); c != one {
		t.Fatalf("change %d after two seconds", c)
	}
}

func TestSchedulerIsGivenWhatThereIsWorkFor(t *testing.T) {
	t.Setenv("GOMAXPROCS", "") // the one of whoever runs the tests
	runtime.GOMAXPROCS(2)
	t.Cleanup(runtime.SetDefaultGOMAXPROCS)
	ctx, cancel := context.WithCancel(t.Context())
	p := new(Procs)
	paced := make(chan struct{})
	go func() { _ = p.Run(ctx); close(paced) }()
	await := func(want func(int) bool, work func()) {
		t.Helper()
		for start := time.Now(); !want(runtime.GOMAXPROCS(0)); work() {
			if time.Since(start) > time.Minute {
				t.Fatalf("%d processors after a minute", runtime.GOMAXPROCS(0))
			}
		}
	}
	calm := func(n int) bool { return n == 1 }
	wait := func() { time.Sleep(time.Millisecond) }
	await(calm, wait)
	if runtime.NumCPU() > 1 {
		await(func(n int) bool { return n > 1 }, func() {})
		await(calm, wait)
		p.Busy()
		if n := runtime.GOMAXPROCS(0); n == 1 {
			t.Error("one processor, though there will be much to do")
		}
	}
	cancel()
	<-paced
}
