package cert

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// A Gate decides from which processes a server accepts requests. Without Keys, a token
// that is derived from the cluster key is enough, as it was before there were
// certificates.
type Gate struct {
	Keys *Keyring // checks the proofs of callers; nil: there are no certificates, and Token decides
	Self string   // how this process names itself, see Keyring.Prove
	// Token reports whether a request carries the token of the cluster key.
	Token func(r *http.Request) bool
	// AcceptToken makes the token enough although there are Keys. Set it while processes
	// that have no certificate yet are being replaced.
	AcceptToken bool
	OnToken     func()       // counts a request that AcceptToken let in; nil: nothing is counted
	Log         *slog.Logger // nil: silent

	mu   sync.Mutex
	told time.Time // when a request with a token alone was last logged
}

// tokenWarnEvery is the shortest time between two warnings about requests with only a
// token.
const tokenWarnEvery = time.Minute

// ErrToken is returned if the token of the cluster key is missing or wrong.
var ErrToken = errors.New("the service token is needed")

// Check returns the process that has proved itself, if it has one of the roles. If the
// process has only the token, and that is enough, the Caller is nil. Errors are
// ErrToken or those of Keyring.Check.
func (g *Gate) Check(r *http.Request, roles ...Role) (*Caller, error) {
	if g.Keys == nil {
		if !g.Token(r) {
			return nil, ErrToken
		}
		return nil, nil
	}
	caller, err := g.Keys.Check(r, g.Self, roles...)
	switch {
	case err == nil:
		return &caller, nil
	case !errors.Is(err, ErrNone) && !g.AcceptToken, !g.Token(r):
		return nil, err
	case !g.AcceptToken:
		g.warn("request with the cluster key alone was refused: -accept-cluster-key takes it while processes without a certificate are replaced", r, err)
		return nil, err
	}
	if g.OnToken != nil {
		g.OnToken()
	}
	g.warn("request with the cluster key alone was accepted (-accept-cluster-key)", r, err)
	return nil, nil
}

// Refuse puts the time of this process into the header of a refusal, so that an honest
// caller whose clock differs can try again.
func (g *Gate) Refuse(header http.Header) {
	if g.Keys != nil {
		g.Keys.TellTime(header)
	}
}

// warn logs a request with a token alone, at most once a minute.
func (g *Gate) warn(what string, r *http.Request, why error) {
	if g.Log == nil {
		return
	}
	now := time.Now()
	g.mu.Lock()
	due := g.told.IsZero() || now.Sub(g.told) >= tokenWarnEvery
	if due {
		g.told = now
	}
	g.mu.Unlock()
	if due {
		g.Log.Warn(what, "peer", r.RemoteAddr, "path", r.URL.Path, "err", why)
	}
}

type callerKey struct{}

// WithCaller returns a context that carries the process that has proved itself. If c is
// nil, it returns ctx itself.
func WithCaller(ctx context.Context, c *Caller) context.Context {
	if c == nil {
		return ctx
	}
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf returns the process in a context, or nil if the caller has not proved itself.
func CallerOf(ctx context.Context) *Caller {
	c, _ := ctx.Value(callerKey{}).(*Caller)
	return c
}
