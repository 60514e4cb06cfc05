// Package keyseal seals (encrypts) the route key, so that somebody who reads the store, or
// a backup of it, cannot make tickets and tokens. If no route key is configured, routes
// keep one in the store. They seal the route key under keys that are derived from the
// cluster key. The store does not have the cluster key.
//
// A sealed route key has a name, which is a hash of the route key, and a box
// (AES-256-GCM). The name stays the same when the route key is sealed again under
// another key.
package keyseal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// If an error wraps ErrKey, the route does not have the keys of the other routes.
var (
	// ErrKey means that the route key cannot be opened. ErrNoKey and ErrOtherKey wrap it.
	ErrKey = errors.New("route key cannot be opened")
	// ErrNoKey means that the route key is sealed, and this process has no key at all.
	ErrNoKey = fmt.Errorf("%w: it is sealed, and there is no key to open it", ErrKey)
	// ErrOtherKey means that none of the keys of this process opens the box.
	ErrOtherKey = fmt.Errorf("%w: it is sealed under another key", ErrKey)
	// ErrMalformed means that a text is no box, or that its route key does not match its
	// name.
	ErrMalformed = errors.New("route key is malformed")
)

const (
	// form begins each box. Another form of boxes would begin with another number.
	form = "1."
	// nameBytes is the length of a name before it is written in hexadecimal.
	nameBytes = 16
	// NameLength is the length of a name.
	NameLength = 2 * nameBytes
)

// A Seal seals and opens route keys. It is safe for concurrent use if its keys are.
type Seal struct {
	keys func() [][]byte
}

// New returns a Seal. The function keys returns the present keys, of 32 bytes each, and
// must not block. The first one is for sealing, and all of them are for opening.
func New(keys func() [][]byte) *Seal { return &Seal{keys: keys} }

// Name returns the name of a route key. The name of a random key reveals nothing about the
// key.
func Name(routeKey []byte) string {
	name, err := hkdf.Key(sha256.New, routeKey, nil, "cim name of a route key", nameBytes)
	if err != nil {
		panic("keyseal: " + err.Error()) // only a length above 255 hashes can fail
	}
	return hex.EncodeToString(name)
}

// First returns a name for the present key for sealing. By this name the caller notices
// when that key changes.
func (s *Seal) First() string { return Name(s.keys()[0]) }

// Close seals a route key, and returns its name and the box. Each call makes another box.
func (s *Seal) Close(routeKey []byte) (name, box string) {
	name = Name(routeKey)
	sealed := box256(s.keys()[0]).Seal(nil, nil, routeKey, []byte(name))
	return name, form + base64.RawURLEncoding.EncodeToString(sealed)
}

// Open returns the route key with this name that is in the box. The result first is true
// if the box was sealed with the present key for sealing. Errors are ErrOtherKey, or wrap
// ErrMalformed.
func (s *Seal) Open(name, box string) (routeKey []byte, first bool, err error) {
	text, ok := strings.CutPrefix(box, form)
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if !ok || err != nil {
		return nil, false, fmt.Errorf("%w: %s has no box that this version knows", ErrMalformed, name)
	}
	for i, key := range s.keys() {
		routeKey, err := box256(key).Open(nil, nil, sealed, []byte(name))
		if err != nil {
			continue
		}
		if Name(routeKey) != name {
			return nil, false, fmt.Errorf("%w: %s is the name of another one", ErrMalformed, name)
		}
		return routeKey, i == 0, nil
	}
	return nil, false, ErrOtherKey
}

// box256 returns AES-256-GCM with random nonces, which it puts in front of each box.
func box256(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("keyseal: " + err.Error()) // only a key of another length fails, which is a programmer's mistake
	}
	box, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("keyseal: " + err.Error()) // this cannot fail, because AES has the right block size
	}
	return box
}
