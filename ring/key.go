package ring

import (
	"crypto/hkdf"
	"crypto/sha256"
	"slices"
	"sync"
	"sync/atomic"
)

// DeriveKey returns the 32-byte key that the cluster key gives for a purpose:
// "member" (the MAC of members), "loads" (that of their loads over HTTP),
// "gossip" (memberlist's encryption) or "service" (the token between our own
// processes). No purpose's key says
// anything about another's or about the cluster key. An empty cluster key
// gives nil.
func DeriveKey(cluster []byte, purpose string) []byte {
	if len(cluster) == 0 {
		return nil
	}
	key, err := hkdf.Key(sha256.New, cluster, []byte("cim cluster key"), purpose, 32)
	if err != nil {
		panic("ring: derive key: " + err.Error()) // only a length above 255 hashes can fail
	}
	return key
}

// A Key makes and checks the MAC of members. The empty key stands for a
// cluster without a key, which must not leave the loopback interface.
type Key []byte

// MemberKey returns the key of members that the cluster key gives, or the
// empty key when it is empty.
func MemberKey(cluster []byte) Key { return DeriveKey(cluster, "member") }

// Keys holds the cluster's current keys and is shared by all that seal or open
// members in a process, so that one call rotates them all. The zero Keys is a
// cluster without a key. It is safe for concurrent use.
type Keys struct {
	p atomic.Pointer[keySet]

	mu      sync.Mutex
	changed chan struct{} // guarded by mu; closed by the next Set; nil: nobody waits
}

// keySet is the keys between two calls of Set, the primary one first.
type keySet struct {
	cluster [][]byte
	member  []Key
}

// NewKeys returns the keys of a cluster: what is sealed is sealed with the
// first, what is opened may bear any.
func NewKeys(cluster ...[]byte) *Keys {
	k := new(Keys)
	k.Set(cluster...)
	return k
}

// Set replaces the cluster keys. To rotate without a restart give every process
// (old, new), then (new, old), then (new). Empty keys are skipped.
func (k *Keys) Set(cluster ...[]byte) {
	set := new(keySet)
	for _, c := range cluster {
		if len(c) > 0 {
			set.cluster = append(set.cluster, slices.Clone(c))
			set.member = append(set.member, MemberKey(c))
		}
	}
	k.p.Store(set)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.changed != nil {
		close(k.changed)
		k.changed = nil
	}
}

// Changed returns a channel that is closed at the next Set: what was sealed before it
// should be sealed again.
func (k *Keys) Changed() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.changed == nil {
		k.changed = make(chan struct{})
	}
	return k.changed
}

// Derive returns what every cluster key gives for a purpose, the primary one
// first; nothing without a key. See DeriveKey.
func (k *Keys) Derive(purpose string) [][]byte {
	var derived [][]byte
	for _, c := range k.now().cluster {
		derived = append(derived, DeriveKey(c, purpose))
	}
	return derived
}

// Seal seals m with the primary key.
func (k *Keys) Seal(m Member) []byte {
	if keys := k.now().member; len(keys) > 0 {
		return Seal(m, keys[0])
	}
	return Seal(m, nil)
}

// Open opens what any of the keys sealed. Errors are those of Open.
func (k *Keys) Open(b []byte) (Member, error) { return Open(b, k.now().member...) }

func (k *Keys) now() *keySet {
	if set := k.p.Load(); set != nil {
		return set
	}
	return new(keySet)
}
