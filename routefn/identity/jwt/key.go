package jwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

const (
	// minSecret is the number of bytes that a secret must have at least. The hash of
	// HS256 has as many bytes (RFC 7518, 3.2).
	minSecret = 32
	// minRSA is the shortest RSA key in bits (RFC 7518, 3.3).
	minRSA = 2048
	// maxRSA is the longest RSA key in bits. It bounds the time to verify a token,
	// because 8,192 bits take 0.3 ms.
	maxRSA = 8192
	// maxKeys bounds how many keys a source has. While keys change, a provider has two or
	// three.
	maxKeys = 32
)

// Key verifies tokens by one algorithm.
type Key struct {
	id        string // the kid that tokens name; empty: any
	algorithm jose.SignatureAlgorithm
	value     any // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey, or []byte
}

// errKind is in the error for a key of a kind that no known algorithm uses.
var errKind = errors.New("want RSA, P-256 or Ed25519")

// publicKey returns the key for tokens that name this id.
func publicKey(id string, value any) (Key, error) {
	switch k := value.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSA || bits > maxRSA {
			return Key{}, fmt.Errorf("an RSA key has %d bits: want %d to %d", bits, minRSA, maxRSA)
		}
		return Key{id, jose.RS256, k}, nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return Key{}, fmt.Errorf("a key of another curve: %w", errKind)
		}
		return Key{id, jose.ES256, k}, nil
	case ed25519.PublicKey:
		return Key{id, jose.EdDSA, k}, nil
	default:
		return Key{}, fmt.Errorf("%T: %w", value, errKind)
	}
}

// secretKey returns the key for tokens that are signed with the secret.
func secretKey(secret []byte) (Key, error) {
	if len(secret) < minSecret {
		return Key{}, fmt.Errorf("a secret has %d bytes: want at least %d", len(secret), minSecret)
	}
	return Key{algorithm: jose.HS256, value: secret}, nil
}

// algorithms are the algorithms that a token may name.
var algorithms = []jose.SignatureAlgorithm{jose.HS256, jose.RS256, jose.ES256, jose.EdDSA}

// naming is what a token says about its key.
type naming struct {
	algorithm jose.SignatureAlgorithm
	id        string // the kid; empty: none
}

// matching returns the keys that may have signed a token with this naming. A key with an
// id is only for tokens that name this id.
func (n naming) matching(keys []Key) (list []Key) {
	for _, k := range keys {
		if k.algorithm == n.algorithm && (k.id == "" || k.id == n.id) {
			list = append(list, k)
		}
	}
	return list
}
