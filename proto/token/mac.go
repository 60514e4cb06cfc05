package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// maker makes MACs with one key. A route checks one for every message, and most of
// the cost of one is to set the key up, so what was set up is used again.
type maker struct {
	ready sync.Pool // of hash.Hash
}

func newMaker(key []byte) *maker {
	return &maker{ready: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// mac returns the kept part of the MAC of b.
func (m *maker) mac(b []byte) []byte {
	h := m.ready.Get().(hash.Hash)
	defer m.ready.Put(h)
	h.Reset()
	h.Write(b)
	return h.Sum(nil)[:macSize]
}
