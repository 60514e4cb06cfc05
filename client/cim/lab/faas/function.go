package faas

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// Errors of invocations that have no answer. An error that the program itself reported is
// an *Error.
var (
	ErrThrottled = errors.New("all instances are at work")
	ErrExited    = errors.New("instance ended")
	ErrTimeout   = errors.New("function took longer than it has")
	ErrTooLarge  = errors.New("payload is larger than 6 MB")
	ErrClosed    = errors.New("function is closed")
)

// Error is an error that the function's program reported for an event.
type Error struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

func (e *Error) Error() string { return e.Type + ": " + e.Message }

const (
	// maxPayload bounds an event and an answer, in bytes.
	maxPayload = 6 << 20
	// initTime is how long an instance may take until it asks for its first event.
	initTime = 10 * time.Second
	// midWork is for an instance that must die in the middle of its work. It dies at most
	// midWork after its event began. It may or may not have called the store before.
	midWork = 4 * time.Millisecond
)

// Config is what a Function is made of. Command is required.
type Config struct {
	Command []string  // the program and its arguments
	Env     []string  // variables (NAME=value) in addition to those of this process
	Log     io.Writer // gets what instances write to stderr and stdout; nil: it is dropped

	Most    int           // the largest number of instances; zero: 20
	Timeout time.Duration // of an invocation; zero: 10 s

	// Every KillEvery-th invocation kills its instance. The first such invocation kills it
	// after its end, while the instance is frozen. The next one kills it in the middle of
	// its work, and so on in turn. Zero: never.
	KillEvery int
}

// Function runs a program as a function. It is safe for concurrent use.
type Function struct {
	cfg  Config
	rest sync.WaitGroup // counts invocations until their instances are frozen again

	mu        sync.Mutex
	idle      []*instance // frozen instances; the one that worked last is used first
	all       map[*instance]bool
	starting  int
	killEvery int // zero after Spare
	tally     tally
	closed    bool
}

// New returns a Function without an instance.
func New(c Config) (*Function, error) {
	if len(c.Command) == 0 {
		return nil, errors.New("function needs a program")
	}
	c.Most = cmp.Or(c.Most, 20)
	c.Timeout = cmp.Or(c.Timeout, 10*time.Second)
	return &Function{cfg: c, killEvery: c.KillEvery, all: make(map[*instance]bool)}, nil
}

// Stats returns what has happened so far.
func (f *Function) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tally.stats(f.all)
}

// Invoke hands an event to an instance and returns its answer. It blocks for at most
// initTime and Config.Timeout together. If ctx ends earlier, Invoke returns, but the
// invocation continues.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if len(payload) > maxPayload {
		return nil, ErrTooLarge
	}
	type outcome struct {
		answer []byte
		err    error
	}
	done := make(chan outcome, 1)
	if !f.begin() {
		return nil, ErrClosed
	}
	go func() {
		defer f.rest.Done()
		i, death, err := f.take()
		if err != nil {
			done <- outcome{err: err}
			return
		}
		thawed := time.Now()
		answer, err := i.invoke(payload, f.cfg.Timeout, death)
		f.count(i, time.Since(thawed), err)
		done <- outcome{answer, err}
		f.put(i, err, death)
	}()
	select {
	case o := <-done:
		return o.answer, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *Function) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.rest.Add(1)
	return true
}

// death is one of the times at which an invocation may kill its instance.
type death int

const (
	survive death = iota
	dieAfter
	dieWithin
)

// deathOf returns the death of the nth invocation.
func deathOf(n, every int) death {
	switch {
	case every == 0 || n%every != 0:
		return survive
	case n/every%2 == 0:
		return dieWithin
	default:
		return dieAfter
	}
}

// take returns a frozen instance, or a new one.
func (f *Function) take() (*instance, death, error) {
	f.mu.Lock()
	f.tally.invocations++
	death := deathOf(f.tally.invocations, f.killEvery)
	if n := len(f.idle); n > 0 {
		i := f.idle[n-1]
		f.idle = f.idle[:n-1]
		i.handed++
		f.mu.Unlock()
		return i, death, nil
	}
	if len(f.all)+f.starting >= f.cfg.Most {
		f.mu.Unlock()
		return nil, survive, ErrThrottled
	}
	f.starting++
	f.tally.started++
	f.mu.Unlock()

	i, err := start(f.cfg)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.starting--
	if err == nil {
		i.handed++
		f.all[i] = true
	}
	return i, death, err
}

// count counts the answer to an event, if an answer came.
func (f *Function) count(i *instance, took time.Duration, failed error) {
	if failed != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tally.answered(i, took)
}

// Settle blocks until the instances of all invocations so far are frozen again or have
// ended.
func (f *Function) Settle() { f.rest.Wait() }

// Spare ends the killing of instances by Config.KillEvery.
func (f *Function) Spare() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.killEvery = 0
}

// put waits until an instance asks for the next event, and then freezes it. If that fails,
// or if the instance must die, put ends the instance.
func (f *Function) put(i *instance, failed error, death death) {
	if failed == nil || errors.As(failed, new(*Error)) { // after an error that the program reported itself, the instance continues
		failed = i.freeze()
	}
	frozen := failed == nil
	if death != survive && failed == nil {
		failed = errors.New("its time has come")
	}
	f.mu.Lock()
	if frozen {
		f.tally.frozen++
	}
	if death != survive {
		f.tally.killed++
	}
	if failed == nil && !f.closed {
		f.idle = append(f.idle, i)
		f.mu.Unlock()
		return
	}
	delete(f.all, i)
	f.tally.ended = append(f.tally.ended, i.handed)
	f.mu.Unlock()
	i.kill()
}

// Close lets invocations in flight end and kills all instances.
func (f *Function) Close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.rest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.all { // no invocation uses an instance any more
		f.tally.ended = append(f.tally.ended, i.handed)
		i.kill()
	}
	clear(f.all)
}

// soon returns how long after its event an instance dies that must die in the middle of
// its work.
func soon() time.Duration { return rand.N(midWork) }
