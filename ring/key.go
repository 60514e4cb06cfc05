package ring

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// DeriveKey derives a 32-byte key from the cluster key for a purpose, by HKDF (RFC
// 5869) with SHA-256. The purposes are "member" (the MAC of members), "loads" (the MAC
// of their loads over HTTP) and "gossip" (memberlist's encryption). Two more are
// "service" (the token between the system's own processes) and "tickets" (session
// tickets of TLS). A derived key reveals nothing about another one or about the cluster
// key. If the cluster key is empty, DeriveKey returns nil.
func DeriveKey(cluster []byte, purpose string) []byte {
	if len(cluster) == 0 {
		return nil
	}
	key, err := hkdf.Key(sha256.New, cluster, []byte("cim cluster key"), purpose, 32)
	if err != nil {
		panic("ring: derive key: " + err.Error()) // this fails only for a length above 255 hashes
	}
	return key
}

// A Key makes and checks the MAC of members. The empty key is for a cluster without a
// key, which must stay on the loopback interface.
type Key []byte

// MemberKey derives the key of members from the cluster key. It returns the empty key
// if the cluster key is empty.
func MemberKey(cluster []byte) Key { return DeriveKey(cluster, "member") }

// Keys holds the cluster's current keys. All parts of a process that seal or open
// members share one Keys, so that one call of Set rotates the keys everywhere. The zero
// Keys is a cluster without a key. It is safe for concurrent use.
type Keys struct {
	p     atomic.Pointer[keySet]
	admit atomic.Pointer[func(Member) error] // nil: every sealed member is admitted

	mu      sync.Mutex
	changed chan struct{} // guarded by mu; closed by the next Set; nil if there is no waiter
}

// keySet is one set of keys, with the primary key first. It never changes, because Set
// replaces the whole set.
type keySet struct {
	cluster [][]byte
	member  []Key
}

// NewKeys returns the keys of a cluster. The first is the primary key, with which
// members are sealed. All of them open members.
func NewKeys(cluster ...[]byte) *Keys {
	k := new(Keys)
	k.Set(cluster...)
	return k
}

// Set replaces the cluster keys. To rotate them without a restart, set (old, new) in
// every process, then (new, old), then (new). Empty keys are skipped.
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

// Changed returns a channel that is closed at the next Set. Callers should then seal
// their members again.
func (k *Keys) Changed() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.changed == nil {
		k.changed = make(chan struct{})
	}
	return k.changed
}

// Derive returns one key for each cluster key, derived by DeriveKey for the purpose.
// The key derived from the primary key comes first. Without a cluster key, Derive
// returns nil.
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

// Admit makes Open return only members for which f returns nil. The function f must not
// block.
func (k *Keys) Admit(f func(Member) error) { k.admit.Store(&f) }

// Open returns the member in b if any of the keys sealed it and the function given to
// Admit accepts it. Its errors are those of the function Open, or wrap ErrNotAdmitted.
func (k *Keys) Open(b []byte) (Member, error) {
	m, err := Open(b, k.now().member...)
	if err != nil {
		return Member{}, err
	}
	if f := k.admit.Load(); f != nil {
		if err := (*f)(m); err != nil {
			return Member{}, fmt.Errorf("%w: %s: %w", ErrNotAdmitted, m.ID, err)
		}
	}
	return m, nil
}

func (k *Keys) now() *keySet {
	if set := k.p.Load(); set != nil {
		return set
	}
	return new(keySet)
}
