package link

import (
	"sync"
	"sync/atomic"
)

// list has all links. A shard's lock is held only to add, remove or copy links.
type list struct {
	count  atomic.Int64
	shards [64]struct {
		mu    sync.Mutex
		links []*Link
	}
}

func (s *list) len() int { return int(s.count.Load()) }

func (s *list) add(l *Link) {
	shard := &s.shards[l.id%uint64(len(s.shards))]
	shard.mu.Lock()
	l.slot = int32(len(shard.links))
	shard.links = append(shard.links, l)
	shard.mu.Unlock()
	s.count.Add(1)
}

func (s *list) remove(l *Link) {
	shard := &s.shards[l.id%uint64(len(s.shards))]
	shard.mu.Lock()
	end := len(shard.links) - 1
	shard.links[l.slot] = shard.links[end]
	shard.links[l.slot].slot = l.slot
	shard.links[end] = nil
	shard.links = shard.links[:end]
	shard.mu.Unlock()
	s.count.Add(-1)
}

// each calls f for every link that is in the list during the whole call. It may also call
// f for a link that comes or goes meanwhile. No lock is held while f runs.
func (s *list) each(f func(*Link)) {
	var copied []*Link
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		copied = append(copied[:0], shard.links...)
		shard.mu.Unlock()
		for _, l := range copied {
			f(l)
		}
	}
}
