package record

import "sync"

// recentSize bounds each of the two generations of recent. Together they have up to
// 128,000 keys. With users as keys and no values that takes a few MB, with positions as
// values some 20 MB.
const recentSize = 64_000

// recent is a cache for very many keys. It drops values that were not read or put for
// long. For that it has two generations. When the young one is full, it replaces the
// old one. The zero recent is empty.
type recent[K comparable, V any] struct {
	mu         sync.Mutex
	young, old map[K]V
}

// put remembers a value for a key.
func (r *recent[K, V]) put(key K, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.putLocked(key, value)
}

func (r *recent[K, V]) putLocked(key K, value V) {
	if len(r.young) >= recentSize {
		r.young, r.old = nil, r.young
	}
	if r.young == nil {
		r.young = make(map[K]V)
	}
	r.young[key] = value
}

// drop forgets a key.
func (r *recent[K, V]) drop(key K) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.young, key)
	delete(r.old, key)
}

// get returns the value of a key. The bool says whether there is one.
func (r *recent[K, V]) get(key K) (V, bool) {
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
