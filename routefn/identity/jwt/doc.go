// Package jwt verifies the tokens by which another system, the host application, says who
// its users are: signed JSON Web Tokens (RFC 7519, RFC 8725).
//
//	verifier.go   what a token must say, and who its bearer is
//	key.go        the keys: one algorithm each
//	file.go       keys from files, secrets and PEM
//	set.go        keys from a JSON Web Key Set (RFC 7517)
//	remote.go     a set at a URL: fetched when it is needed, kept for a while
//	sign.go       makes tokens, for trials and tests
//
// The kind of a key decides its algorithm, and never the token: RSA is RS256, P-256 is
// ES256, Ed25519 is EdDSA, and a secret is HS256. So no token can make a route take a
// public key for a secret, or skip the signature.
//
// The package starts no goroutines, and keeps nothing but keys.
package jwt
