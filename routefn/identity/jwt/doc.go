// Package jwt verifies the tokens with which another system, the host application,
// identifies its users. They are signed JSON Web Tokens (RFC 7519, RFC 8725).
//
//	verifier.go what a token must contain, and who its bearer is
//	key.go        the keys: one algorithm each
//	file.go       keys from files, secrets and PEM
//	set.go        keys from a JSON Web Key Set (RFC 7517)
//	remote.go a set at a URL, which is fetched when it is needed
//	sign.go       makes tokens, for trials and tests
//
// The kind of a key, and never the token, decides the algorithm: RS256 for RSA, ES256 for
// P-256, EdDSA for Ed25519, and HS256 for a secret. So no token can make a route use a
// public key as a secret, or skip the signature.
//
// The package starts no goroutines, and keeps nothing but keys.
package jwt
