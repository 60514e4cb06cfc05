package fault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

// Told has the functions by which Run reports what happens. Its functions are called from
// many goroutines.
type Told struct {
	Broken func(Fault, Wound)
	Healed func(Fault, Wound)
	Missed func(Fault, error) // it could not happen, and nothing is broken
}

// healTime is how long healing is tried: two programs may need each other, such
// as a route that is started again while the store is away. A device needs them all: its
// time begins when all else is healed.
const healTime = time.Minute

// awaitEvery is how often a fault that waits for its target looks whether it is free.
const awaitEvery = 100 * time.Millisecond

// Run carries out the plan and returns when all of it is healed. A target that
// still heals from an earlier strike is spared. When traffic ends, what was not
// struck is left out and what is broken is healed at once. A fault that has not
// happened yet waits for a target that still heals, and strikes late. An error is
// a fault that could not be healed: then the run cannot settle.
func Run(traffic context.Context, w *World, plan []Strike, tell Told) error {
	begun := time.Now()
	patient, stop := context.WithCancel(context.WithoutCancel(traffic))
	defer stop()
	var (
		servers, devices sync.WaitGroup
		hit              = wounded{at: make(map[spot]bool), played: make(map[string]bool)}
	)
	for _, s := range plan {
		if !retry.Sleep(traffic, time.Until(begun.Add(s.At))) {
			break
		}
		at := spot{s.Fault.Hits(), s.Target}
		wait := &servers
		if at.ofDevice() {
			wait = &devices
		}
		first := hit.first(s.Fault)
		if taken := hit.take(at); taken || first {
			wait.Go(func() {
				if taken || hit.await(traffic, at) {
					hit.release(at, strike(traffic, patient, w, s, tell))
				}
			})
		}
	}
	servers.Wait()
	defer time.AfterFunc(healTime, stop).Stop()
	devices.Wait()
	return hit.err
}

// spot is a target.
type spot struct {
	class  Class
	target int
}

// ofDevice reports whether the target is a client, which needs the servers.
func (s spot) ofDevice() bool { return s.class == Devices || s.class == Files }

// wounded are the targets that are hit now.
type wounded struct {
	mu     sync.Mutex
	at     map[spot]bool
	played map[string]bool // faults, by name
	err    error           // the first failure
}

// first reports whether the fault has had no turn yet. It has now.
func (w *wounded) first(f Fault) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := !w.played[f.Name()]
	w.played[f.Name()] = true
	return first
}

func (w *wounded) take(at spot) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at[at] {
		return false
	}
	w.at[at] = true
	return true
}

// await takes the target once it is free, and reports false if ctx ends first.
func (w *wounded) await(ctx context.Context, at spot) bool {
	for !w.take(at) {
		if !retry.Sleep(ctx, awaitEvery) {
			return false
		}
	}
	return true
}

// release gives up the target; after a failure it stays taken.
func (w *wounded) release(at spot, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		delete(w.at, at)
	} else if w.err == nil {
		w.err = err
	}
}

// strike breaks something and heals it, of a device until patient ends at the latest.
func strike(traffic, patient context.Context, w *World, s Strike, tell Told) error {
	life := patient
	if at := (spot{s.Fault.Hits(), s.Target}); !at.ofDevice() {
		var cancel context.CancelFunc
		life, cancel = context.WithTimeout(patient, s.Lasts+healTime)
		defer cancel()
	}
	wound, err := s.Fault.Inject(life, w, s)
	switch {
	case err != nil && wound.Heal == nil:
		tell.Missed(s.Fault, err)
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", s.Fault.Name(), err)
	}
	tell.Broken(s.Fault, wound)
	if wound.Heal == nil {
		return nil
	}
	retry.Sleep(traffic, s.Lasts)
	if err := heal(life, wound.Heal); err != nil {
		return fmt.Errorf("%s: %s cannot be healed: %w", s.Fault.Name(), wound.What, err)
	}
	tell.Healed(s.Fault, wound)
	return nil
}

func heal(life context.Context, try func(context.Context) error) error {
	for {
		err := try(life)
		if err == nil || final(err) {
			return err
		}
		if !retry.Sleep(life, time.Second) {
			return err
		}
	}
}

// final reports whether a client was told not to come back, for another reason than that
// its twin did.
func final(err error) bool {
	why, told := errors.AsType[*proto.Error](err)
	return told && why.Code.Retry() == proto.RetryNever && why.Code != proto.Replaced
}

// during starts what breaks for as long as it goes on, and returns what heals that: it
// ends the work's context, waits for it, and returns its error, once.
func during(ctx context.Context, work func(context.Context) error) (heal func(context.Context) error) {
	working, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- work(working) }()
	return func(context.Context) error {
		stop()
		err := <-done
		done <- nil // it may be asked again
		return err
	}
}
