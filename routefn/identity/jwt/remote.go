package jwt

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	// freshFor is how long a set is used before it is fetched again. So a key that the
	// provider removes from the set is used for at most that long, as long as the set can
	// be fetched.
	freshFor = 5 * time.Minute
	// fetchPause is the shortest time between two tries to fetch a set, even if tokens
	// name many unknown keys.
	fetchPause = 10 * time.Second
)

// RemoteConfig configures a Remote. URL and Fetch are required.
type RemoteConfig struct {
	URL   string
	Fetch func(ctx context.Context, url string) ([]byte, error)
	// MaxStale is how long a set may be used if fetching it again fails; default: an
	// hour.
	MaxStale time.Duration
	Fetched  func(ok bool) // is called after each try; may be nil
	Now      func() time.Time
	Log      *slog.Logger // default: silent
}

// Remote has the keys of a set at a URL. It fetches the set at the first token, after five
// minutes, and when a token names a key that the set lacks. The caller that starts the
// fetch waits for it. Other callers do not wait if the last set has their key. Make it
// with NewRemote; it is safe for concurrent use.
type Remote struct {
	cfg RemoteConfig

	// Guarded by mu.
	mu      sync.Mutex
	keys    []Key
	fetched time.Time     // when the set was fetched; zero: never
	tried   time.Time     // when the last try began
	running chan struct{} // closed at the end of the present try; nil: there is none
}

// NewRemote returns a Remote. It fetches nothing.
func NewRemote(c RemoteConfig) *Remote {
	c.MaxStale = cmp.Or(c.MaxStale, time.Hour)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Remote{cfg: c}
}

// state is what Remote knows at one moment about the keys that a token names.
type state struct {
	found   []Key         // of a set that is not too old
	fresh   bool          // the set need not be fetched again, unless it lacks the key
	running chan struct{} // closed at the end of the present try, which another caller or this one makes
	mine    bool          // this caller makes the try
	wait    time.Duration // if running is nil: the time until another try may begin
}

// find implements Source. The caller that fetches the set blocks until the fetch has
// ended. Other callers block only if the last set lacks the key or is older than
// MaxStale.
func (r *Remote) find(ctx context.Context, n naming) ([]Key, error) {
	s := r.look(n)
	switch {
	case s.mine:
		return r.fetchFor(ctx, n, s)
	case len(s.found) > 0:
		return s.found, nil
	case s.running == nil:
		return nil, later(s.wait)
	}
	select {
	case <-s.running:
		return r.afterFetch(n)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// look decides whether the caller fetches the set.
func (r *Remote) look(n naming) state {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	s := state{running: r.running}
	if !r.fetched.IsZero() && now.Sub(r.fetched) <= r.cfg.MaxStale {
		s.found = n.matching(r.keys)
		s.fresh = now.Sub(r.fetched) < freshFor
	}
	if r.running != nil || s.fresh && len(s.found) > 0 {
		return s
	}
	if s.wait = fetchPause - now.Sub(r.tried); s.wait > 0 && s.wait <= fetchPause { // a longer wait means that the clock was set back
		return s
	}
	r.tried, r.running = now, make(chan struct{})
	s.running, s.mine = r.running, true
	return s
}

// fetchFor fetches the set for a caller, and for all callers that wait for the set.
func (r *Remote) fetchFor(ctx context.Context, n naming, s state) ([]Key, error) {
	keys, err := r.fetch(context.WithoutCancel(ctx)) // the call has a time limit of its own
	r.mu.Lock()
	if err == nil {
		r.keys, r.fetched = keys, r.now()
	}
	r.running = nil
	r.mu.Unlock()
	close(s.running)
	if r.cfg.Fetched != nil {
		r.cfg.Fetched(err == nil)
	}
	if err == nil {
		return r.afterFetch(n)
	}
	r.cfg.Log.Warn("the keys of tokens cannot be fetched", "err", err)
	if len(s.found) > 0 {
		return s.found, nil
	}
	return nil, later(fetchPause)
}

func (r *Remote) fetch(ctx context.Context) ([]Key, error) {
	text, err := r.cfg.Fetch(ctx, r.cfg.URL)
	if err != nil {
		return nil, err
	}
	return parseSet(text)
}

// afterFetch returns the keys that a token names, right after a try to fetch the set. Only
// after a successful try is it certain that a missing key does not exist.
func (r *Remote) afterFetch(n naming) ([]Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if r.fetched.IsZero() || now.Sub(r.fetched) > r.cfg.MaxStale {
		return nil, later(fetchPause)
	}
	keys := n.matching(r.keys)
	switch {
	case len(keys) > 0:
		return keys, nil
	case r.fetched.Before(r.tried):
		return nil, later(fetchPause)
	default:
		return nil, Refuse(UnknownKey)
	}
}

// Warm fetches the set if it was not fetched before. If it fails, the error is only for
// an operator's information, because the next token tries again.
func (r *Remote) Warm(ctx context.Context) error {
	_, err := r.find(ctx, naming{})
	if why := new(Refusal); errors.As(err, &why) && why.Reason == UnknownKey {
		return nil // the set was fetched; a key for this naming is not needed
	}
	return err
}

// now returns the time without the monotonic clock, which stands still while a function
// is frozen.
func (r *Remote) now() time.Time { return r.cfg.Now().Round(0) }
