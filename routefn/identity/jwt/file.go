package jwt

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
)

// pemBegin begins every block of PEM. A secret has no such text.
const pemBegin = "-----BEGIN "

// ParseKeys returns the keys in a text: public keys and certificates in PEM, or secrets,
// one a line, for HS256. The text has several keys while operators change the keys. A text
// with a private key is refused, because a route needs none.
func ParseKeys(text []byte) ([]Key, error) {
	parse := parseSecrets
	if bytes.Contains(text, []byte(pemBegin)) {
		parse = parsePEM
	}
	keys, err := parse(text)
	switch {
	case err != nil:
		return nil, err
	case len(keys) == 0:
		return nil, errors.New("there is no key")
	case len(keys) > maxKeys:
		return nil, fmt.Errorf("there are %d keys: want at most %d", len(keys), maxKeys)
	}
	return keys, nil
}

func parseSecrets(text []byte) (keys []Key, err error) {
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		key, err := secretKey([]byte(line))
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func parsePEM(text []byte) (keys []Key, err error) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			if bytes.Contains(text, []byte(pemBegin)) {
				return nil, errors.New("a block of PEM is broken")
			}
			return keys, nil
		}
		text = rest
		value, err := parseBlock(block)
		if err != nil {
			return nil, err
		}
		key, err := publicKey("", value)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
}

func parseBlock(block *pem.Block) (any, error) {
	switch {
	case block.Type == "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case block.Type == "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case block.Type == "CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return c.PublicKey, nil
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, errors.New("there is a private key: want the public one alone")
	default:
		return nil, fmt.Errorf("there is a block of PEM with %q: want PUBLIC KEY or CERTIFICATE", block.Type)
	}
}

// Fixed is a Source with given keys, which Set may replace. Make it with NewFixed; it
// is safe for concurrent use.
type Fixed struct{ keys atomic.Pointer[[]Key] }

// NewFixed returns Fixed with the keys.
func NewFixed(keys ...Key) *Fixed {
	f := new(Fixed)
	f.Set(keys...)
	return f
}

// Set replaces the keys.
func (f *Fixed) Set(keys ...Key) { f.keys.Store(&keys) }

// find implements Source.
func (f *Fixed) find(_ context.Context, n naming) ([]Key, error) {
	keys := n.matching(*f.keys.Load())
	if len(keys) == 0 {
		return nil, Refuse(UnknownKey)
	}
	return keys, nil
}
