package nodes

import (
	"crypto/sha256"
	"crypto/subtle"
	"sync/atomic"
)

// Tokens are the service tokens between nodes and routes. Requests are sent with the
// first one, and all of them are accepted. Call Set first. Tokens is safe for
// concurrent use.
type Tokens struct{ now atomic.Pointer[[]string] }

// Set replaces all tokens.
func (t *Tokens) Set(token string, others ...string) {
	tokens := append([]string{token}, others...)
	t.now.Store(&tokens)
}

// bearer returns the Authorization header of a request to a node.
func (t *Tokens) bearer() string { return "Bearer " + (*t.now.Load())[0] }

// Accept reports whether a request that shows the token comes from a node or a route.
func (t *Tokens) Accept(shown string) bool {
	good := false
	for _, token := range *t.now.Load() {
		good = equal(shown, token) || good
	}
	return good
}

// equal takes the same time for every a, whatever its length.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
