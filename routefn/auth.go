package routefn

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/record"
)

// serveCaller runs a use case of who bears a token. The store judges the token beside
// the first thing that is asked of it, and before the first that changes anything: see
// record.WithPass.
func (rt *Route) serveCaller(w http.ResponseWriter, r *http.Request, useCase string, run func(context.Context, token.Token) (any, error)) {
	rt.serve(w, r, useCase, jsonFormat, func(ctx context.Context) (any, error) {
		caller, err := rt.caller(r)
		if err != nil {
			return nil, err
		}
		ctx = record.WithPass(ctx, passOf(caller))
		body, err := run(ctx, caller)
		return body, rt.orRepeat(ctx, err, caller.User, caller.Name)
	})
}

// errAdopted has a caller repeat a request that met its own account lost. A message may
// be in the receiver's log already, so that nothing else can be said of it.
var errAdopted = proto.Err(proto.Unknown, "The account was lost and is made again. Repeat the request.")

// passOf is what a token says to the store.
func passOf(t token.Token) record.Pass {
	return record.Pass{User: t.User, Device: t.Device, Number: t.Number, Expires: t.Expires.UnixMilli()}
}

// caller returns who asks, from the token that the request bears. The error has
// the code Unauthorized. Whether the token still counts, the store has to say.
func (rt *Route) caller(r *http.Request) (token.Token, error) {
	return rt.tokenOf(bearer(r))
}

// tokenOf returns what a token says. The error has the code Unauthorized, or Unavailable
// while another route may know the key that made it.
func (rt *Route) tokenOf(s string) (token.Token, error) {
	t, err := rt.cfg.Issuer.VerifyToken(s)
	settled := true
	if errors.Is(err, token.ErrUnknownKey) {
		settled = rt.keeper.settled()
		t, err = rt.cfg.Issuer.VerifyToken(s)
	}
	switch {
	case err == nil:
		return t, nil
	case !settled:
		return token.Token{}, proto.Err(proto.Unavailable, "The key of the token is not known yet.")
	default:
		return token.Token{}, proto.Err(proto.Unauthorized, "")
	}
}

// fromNode returns an error with the code Unauthorized unless the request bears
// the service token.
func (rt *Route) fromNode(r *http.Request) error {
	if !rt.tokens.accept(bearer(r)) {
		return proto.Err(proto.Unauthorized, "The service token is needed.")
	}
	return nil
}

// SetServiceTokens replaces the ServiceToken and the OtherTokens of Config for every
// request and stream from now on. Streams that are open stay. The token must not be
// empty.
func (rt *Route) SetServiceTokens(token string, others ...string) { rt.tokens.set(token, others...) }

// serviceTokens are what our own processes show each other: the first is shown, all are
// accepted. set comes before anything else.
type serviceTokens struct{ now atomic.Pointer[[]string] }

func (s *serviceTokens) set(token string, others ...string) {
	tokens := append([]string{token}, others...)
	s.now.Store(&tokens)
}

// bearer returns the Authorization header of what we ask.
func (s *serviceTokens) bearer() string { return "Bearer " + (*s.now.Load())[0] }

func (s *serviceTokens) accept(shown string) bool {
	good := false
	for _, token := range *s.now.Load() {
		good = equalSecret(shown, token) || good
	}
	return good
}

// bearer returns what the Authorization header bears, or nothing.
func bearer(r *http.Request) string {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(secret)
}

// equalSecret takes the same time whatever a is, its length included.
func equalSecret(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
