package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// maker makes MACs with one key. A route checks one MAC per message. Most of the cost
// is the set-up of the key, so maker reuses hashes with the key set up.
type maker struct {
	ready sync.Pool // of hash.Hash
}

func newMaker(key []byte) *maker {
	return &maker{ready: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// mac returns the MAC of b, truncated to macSize bytes.
func (m *maker) mac(b []byte) []byte {
	h := m.ready.Get().(hash.Hash)
	defer m.ready.Put(h)
	h.Reset()
	h.Write(b)
	return h.Sum(nil)[:macSize]
}
