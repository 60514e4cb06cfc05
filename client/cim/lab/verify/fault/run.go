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
	Missed func(Fault, error) // the fault could not happen, and nothing is broken
}

// healTime is how long healing is tried. Healing takes time because one program may need
// another that is broken, too. A route that is restarted while the store is away is an
// example. A device needs all servers, so its time begins when everything else is healed.
const healTime = time.Minute

// awaitEvery is how often a fault that waits for a target checks whether the target is
// free.
const awaitEvery = 100 * time.Millisecond

// Run carries out the plan and returns when all of it is healed. A strike is left out if
// its target still heals from an earlier strike. But the first strike of each fault waits
// until its target has healed, and happens then. When traffic ends, all remaining strikes
// are left out, and everything that is broken is healed at once. An error means that a
// fault could not be healed.
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

// wounded has the targets that are broken now.
type wounded struct {
	mu     sync.Mutex
	at     map[spot]bool
	played map[string]bool // faults, by name
	err    error           // the first failure
}

// first reports whether this is the first strike of the fault, and records it.
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

// await waits until the target is free, and takes it. It returns false if ctx ends first.
func (w *wounded) await(ctx context.Context, at spot) bool {
	for !w.take(at) {
		if !retry.Sleep(ctx, awaitEvery) {
			return false
		}
	}
	return true
}

// release frees the target. If err is not nil, the target stays taken.
func (w *wounded) release(at spot, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		delete(w.at, at)
	} else if w.err == nil {
		w.err = err
	}
}

// strike breaks something, waits, and heals it. The healing of a device is tried until the
// context patient ends.
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

// final reports whether err forbids a client to reconnect. It returns false if the client
// was displaced by its own twin.
func final(err error) bool {
	why, told := errors.AsType[*proto.Error](err)
	return told && why.Code.Retry() == proto.RetryNever && why.Code != proto.Replaced
}

// The function during starts the function work. Something is broken while this function
// runs. The returned function heal ends the context of work, waits until work returns, and
// returns its error. If heal is called again, it returns nil.
func during(ctx context.Context, work func(context.Context) error) (heal func(context.Context) error) {
	working, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- work(working) }()
	return func(context.Context) error {
		stop()
		err := <-done
		done <- nil // heal may be called again
		return err
	}
}
