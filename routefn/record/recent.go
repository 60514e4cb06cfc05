package record

import "sync"

// recentSize bounds one generation of recent. In both generations, 64,000 users of some
// 16 bytes each take a few MB, and as many positions take some 20 MB.
const recentSize = 64_000

// recent is a cache of values for very many keys. It drops values that were not read or
// put for long. It has two generations. When the young one is full it becomes the old
// one. The zero recent is empty.
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

// get returns the value of a key, and whether there is one.
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
