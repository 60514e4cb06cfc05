package storecheck

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/cim-go/cim/proto/skew"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/coalesce"
	"github.com/cim-go/cim/routefn/keyseal"
	"github.com/cim-go/cim/routefn/record"
)

const (
	// lookEvery is the time between two looks at the store while the route serves
	// requests.
	lookEvery = time.Second
	// lookSoonest is the least time between two looks. It bounds the load that callers
	// with forged tokens put on the store.
	lookSoonest = 100 * time.Millisecond
	// lookTimeout bounds a look, and thereby how long a request waits for one.
	lookTimeout = 500 * time.Millisecond
)

// Config configures a Checker. All fields but Watch are required.
type Config struct {
	Store  *record.Store
	Watch  *record.Watch // a Watch with a key if the store keeps the issuer's keys; nil: the keys are configured
	Issuer *token.Issuer // gets the store's keys if these differ from the issuer's own keys
	Clocks *skew.Clocks  // compare the store's clock with that of this process
	OnLoss func(context.Context)
	Now    func() time.Time
	Log    *slog.Logger
}

// Checker notices when the store has lost data. Make it with New; it is safe for
// concurrent use.
type Checker struct {
	cfg   Config
	watch *record.Watch
	keyed bool // the store keeps the issuer's keys

	looks  coalesce.Calls[struct{}]
	locked sync.Once // makes the log report only once that the route key cannot be opened

	mu     sync.Mutex
	tried  time.Time // when the latest look began
	looked time.Time // when the latest successful look began
	made   string    // the issuer's first key, in hexadecimal; empty before the first look
	keys   int       // how many keys the issuer has
}

// New returns a Checker. It does not call the store.
func New(c Config) *Checker {
	k := &Checker{cfg: c, watch: c.Watch, keyed: c.Watch != nil}
	if !k.keyed {
		k.watch = c.Store.Watch(false)
	}
	return k
}

// Beside starts a look if one is due. The look runs beside the caller's request. The
// request must call the returned function before it answers. That function blocks until
// the look is done.
func (k *Checker) Beside() (wait func()) {
	k.mu.Lock()
	due := time.Since(k.tried) >= lookEvery
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
		_ = k.Look() // its error does not matter, because a caller that needs the result looks again
	}()
	return func() { <-done }
}

// Look checks the store and blocks until that is done, 0.6 s at most. Callers that come
// during a look share the next one.
func (k *Checker) Look() error {
	_, err := k.looks.Do(func() (struct{}, error) { return struct{}{}, k.look() })
	return err
}

// Fresh does what Look does, but returns nil at once if a look succeeded within the
// last 100 ms.
func (k *Checker) Fresh() error {
	k.mu.Lock()
	fresh := time.Since(k.looked) < lookSoonest
	k.mu.Unlock()
	if fresh {
		return nil
	}
	return k.Look()
}

func (k *Checker) look() error {
	k.mu.Lock()
	pause := lookSoonest - time.Since(k.looked)
	k.mu.Unlock()
	time.Sleep(pause)
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
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
		k.tell(err)
		return err
	}
	k.compareClocks()
	if err := k.take(); err != nil {
		return err
	}
	if found {
		k.cfg.Log.Warn("the store has lost data: accounts, sessions and logs are restored when their users return")
		k.cfg.OnLoss(ctx)
	}
	return nil
}

// tell logs why a look failed. It skips an outage of the store, which is logged
// elsewhere. If the route key cannot be opened, tell logs that only once, because it
// does not change.
func (k *Checker) tell(err error) {
	if errors.Is(err, keyseal.ErrKey) {
		k.locked.Do(func() {
			k.cfg.Log.Warn("another route has sealed the route key under a -cluster-key that this route does not have: the keys of before stay in use", "err", err)
		})
	}
	k.cfg.Log.Debug("the store's keys cannot be read", "err", err)
}

func (k *Checker) compareClocks() {
	if ms, ok := k.cfg.Store.Clock(); ok {
		now := k.cfg.Now()
		k.cfg.Clocks.Saw("store", ms, now, now)
	}
}

// take gives the issuer the keys that the look found.
func (k *Checker) take() error {
	keys := k.watch.Keys()
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.keyed || keys[0] == k.made && len(keys) == k.keys {
		return nil
	}
	if err := k.cfg.Issuer.Set(k.watch.RouteKeys()...); err != nil {
		return err
	}
	if k.made != "" && k.made != keys[0] {
		k.cfg.Log.Warn("the route key was replaced: another route stored its own while the store was empty")
	}
	k.made, k.keys = keys[0], len(keys)
	return nil
}

// Keyed reports whether the store keeps the route's keys. If not, the keys are configured.
func (k *Checker) Keyed() bool { return k.keyed }

// Lost returns the time of the latest loss, in ms by the store's clock, or zero. The
// result recently is true for 35 s after a loss, while the data are being restored.
func (k *Checker) Lost() (at int64, recently bool) { return k.watch.Lost() }

// Certain reports whether something that the store does not have really does not exist.
// It returns false while lost data may still be restored. Until then, callers must get an
// answer that lets them retry.
func (k *Checker) Certain() bool {
	if k.Fresh() != nil {
		return false
	}
	_, recently := k.Lost()
	return !recently
}

// Settled reports whether the issuer has every key that any route uses. It always
// returns true if the keys are configured.
func (k *Checker) Settled() bool { return !k.keyed || k.Fresh() == nil && k.watch.Settled() }
