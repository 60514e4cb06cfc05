package routefn

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/cim-go/cim/proto/skew"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/record"
)

const (
	// glanceEvery is how often a route that serves anything looks whether the store is
	// the one it was.
	glanceEvery = time.Second
	// lookSoonest is the least between two looks: who shows what nobody made can have
	// the store asked no more than that.
	lookSoonest = 100 * time.Millisecond
	// lookTime bounds a look: what a request waits for it at most.
	lookTime = 500 * time.Millisecond
)

// keeper keeps the route's keys those that the store has, which all routes have then,
// and knows whether the store lost something. It looks beside what is served, since a
// route has no time of its own.
type keeper struct {
	watch  *record.Watch
	issuer *token.Issuer
	keyed  bool // the keys are the store's
	log    *slog.Logger
	clock  func()                // compares the store's clock
	lost   func(context.Context) // told by the first of all routes that finds a loss

	looks looks

	mu     sync.Mutex
	tried  time.Time // when the latest look began
	looked time.Time // the latest that succeeded
	made   string    // the first of the keys that the issuer has, in hexadecimal, and how many
	keys   int
}

func newKeeper(c Config, clocks *skew.Clocks, lost func(context.Context)) *keeper {
	k := &keeper{watch: c.Watch, issuer: c.Issuer, keyed: c.Watch != nil, log: c.Logger, lost: lost, clock: func() {
		if ms, ok := c.Store.Clock(); ok {
			now := c.Now()
			clocks.Saw("store", ms, now, now)
		}
	}}
	if !k.keyed {
		k.watch = c.Store.Watch(false)
	}
	return k
}

// glance looks beside what the caller does if it is time for that. The caller calls what
// it returns before it answers.
func (k *keeper) glance() (wait func()) {
	k.mu.Lock()
	due := time.Since(k.tried) >= glanceEvery
	if due {
		k.tried = time.Now()
	}
	k.mu.Unlock()
	if !due {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = k.look() // whoever needs it looks again
	}()
	return func() { <-done }
}

// fresh looks unless somebody did within the last lookSoonest.
func (k *keeper) fresh() error {
	k.mu.Lock()
	fresh := time.Since(k.looked) < lookSoonest
	k.mu.Unlock()
	if fresh {
		return nil
	}
	return k.look()
}

// look looks, with all who ask meanwhile. A look that is shared began after the call.
func (k *keeper) look() error {
	_, err := k.looks.share(func() (time.Duration, error) { return 0, k.lookOnce() })
	return err
}

func (k *keeper) lookOnce() error {
	k.mu.Lock()
	pause := lookSoonest - time.Since(k.looked)
	k.mu.Unlock()
	time.Sleep(pause)
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	began := time.Now()
	found, err := k.watch.Look(ctx)
	k.mu.Lock()
	k.tried = began
	if err == nil {
		k.looked = began
	}
	k.mu.Unlock()
	if err != nil {
		k.log.Debug("the store does not show its keys", "err", err)
		return err
	}
	k.clock()
	if err := k.take(); err != nil {
		return err
	}
	if found {
		k.log.Warn("the store has lost what it had: accounts, sessions and logs are made again as they are met")
		k.lost(ctx)
	}
	return nil
}

// take gives the issuer the keys that were found.
func (k *keeper) take() error {
	keys := k.watch.Keys()
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.keyed || keys[0] == k.made && len(keys) == k.keys {
		return nil
	}
	if err := k.issuer.Set(k.watch.RouteKeys()...); err != nil {
		return err
	}
	if k.made != "" && k.made != keys[0] {
		k.log.Warn("the route key is another one now: the store was given it while it was empty")
	}
	k.made, k.keys = keys[0], len(keys)
	return nil
}

// certain reports whether what no key made, or what is not in the store, will not be
// there soon. While it is not, the caller is to come back later.
func (k *keeper) certain() bool {
	if k.fresh() != nil {
		return false
	}
	_, recently := k.watch.Lost()
	return !recently
}

// settled reports whether all keys are known that any route makes things with. Keys
// that were given to the route always are.
func (k *keeper) settled() bool { return !k.keyed || k.fresh() == nil && k.watch.Settled() }
