package nodes

import (
	"crypto/sha256"
	"crypto/subtle"
	"sync/atomic"
)

// Tokens has the service tokens between nodes and routes. Requests to nodes carry the
// first token. Requests from nodes may carry any of them. Call Set before all other
// methods. Tokens is safe for concurrent use.
type Tokens struct{ now atomic.Pointer[[]string] }

// Set replaces all tokens.
func (t *Tokens) Set(token string, others ...string) {
	tokens := append([]string{token}, others...)
	t.now.Store(&tokens)
}

// bearer returns the Authorization header of a request to a node.
func (t *Tokens) bearer() string { return "Bearer " + (*t.now.Load())[0] }

// Accept reports whether a request with this token comes from a node or a route. That is
// so if the token is one of t.
func (t *Tokens) Accept(shown string) bool {
	good := false
	for _, token := range *t.now.Load() {
		good = equal(shown, token) || good
	}
	return good
}

// equal reports whether two texts are equal. The time that it takes does not show where
// they differ.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
