// Package recent has a cache for very many keys.
package recent

import "sync"

// size bounds each of the two generations of a Cache. Together they have up to 128,000
// keys. With users as keys and no values, they take a few MB. With positions as values,
// they take some 20 MB.
const size = 64_000

// Cache is a cache for very many keys. It drops values that were neither read nor put for
// a long time. For that it has two generations. When the young one is full, it replaces
// the old one. The zero Cache is empty. It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	mu         sync.Mutex
	young, old map[K]V
}

// Put remembers a value for a key.
func (r *Cache[K, V]) Put(key K, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.putLocked(key, value)
}

func (r *Cache[K, V]) putLocked(key K, value V) {
	if len(r.young) >= size {
		r.young, r.old = nil, r.young
	}
	if r.young == nil {
		r.young = make(map[K]V)
	}
	r.young[key] = value
}

// Drop forgets a key.
func (r *Cache[K, V]) Drop(key K) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.young, key)
	delete(r.old, key)
}

// Get returns the value of a key. The bool says whether there is one.
func (r *Cache[K, V]) Get(key K) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if value, ok := r.young[key]; ok {
		return value, true
	}
	value, ok := r.old[key]
	if ok {
		r.putLocked(key, value)
	}
	return value, ok
}

// Change calls f with the value of a key, stores the result as the new value, and returns
// it. If the key has no value, f gets the zero value. The Cache is locked while f runs.
func (r *Cache[K, V]) Change(key K, f func(V) V) V {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, ok := r.young[key]
	if !ok {
		value = r.old[key]
	}
	value = f(value)
	r.putLocked(key, value)
	return value
}
