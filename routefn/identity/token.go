package identity

import (
	"errors"
	"net/http"
	"strings"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/record"
)

// Bearer returns the token in the Authorization header, or an empty string.
func Bearer(r *http.Request) string {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(secret)
}

// Caller returns the content of the token in the request. The error usually has the code
// Unauthorized. If this route may still learn the token's key from another route, it has
// the code Unavailable. Caller does not check whether the token is still valid. The store
// does that (PassOf).
func (a *Accounts) Caller(r *http.Request) (token.Token, error) { return a.verify(Bearer(r)) }

// PassOf returns the part of a token that the store needs to check it.
func PassOf(t token.Token) record.Pass {
	return record.Pass{User: t.User, Device: t.Device, Number: t.Number, Expires: t.Expires.UnixMilli()}
}

// Refresh returns the content of the refresh token s. It returns the same errors as Caller.
func (a *Accounts) Refresh(s string) (token.Refresh, error) {
	return verified(a.cfg.Keys, a.cfg.Issuer.VerifyRefresh, s)
}

// verify returns the content of the token s. It returns the same errors as Caller.
func (a *Accounts) verify(s string) (token.Token, error) {
	return verified(a.cfg.Keys, a.cfg.Issuer.VerifyToken, s)
}

// verified calls verify. If the token's key was unknown, and the route has read the keys
// of other routes meanwhile, it calls verify once more.
func verified[T any](keys Keyring, verify func(string) (T, error), s string) (T, error) {
	t, err := verify(s)
	settled := true
	if errors.Is(err, token.ErrUnknownKey) {
		settled = keys.Settled()
		t, err = verify(s)
	}
	var none T
	switch {
	case err == nil:
		return t, nil
	case !settled:
		return none, proto.Err(proto.Unavailable, "The key of the token is not known yet.")
	default:
		return none, proto.Err(proto.Unauthorized, "")
	}
}
