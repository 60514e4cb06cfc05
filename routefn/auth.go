package routefn

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// caller returns who asks, from the token that the request bears. The error has
// the code Unauthorized.
func (rt *Route) caller(r *http.Request) (token.Token, error) {
	t, err := rt.cfg.Issuer.VerifyToken(bearer(r), rt.cfg.Now())
	if err != nil {
		return token.Token{}, proto.Err(proto.Unauthorized, "")
	}
	return t, nil
}

// fromNode returns an error with the code Unauthorized unless the request bears
// the service token.
func (rt *Route) fromNode(r *http.Request) error {
	shown := bearer(r)
	good := equalSecret(shown, rt.cfg.ServiceToken)
	for _, other := range rt.cfg.OtherTokens {
		good = equalSecret(shown, other) || good
	}
	if !good {
		return proto.Err(proto.Unauthorized, "The service token is needed.")
	}
	return nil
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
