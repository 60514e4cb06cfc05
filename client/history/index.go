package history

import (
	"crypto/sha256"

	"github.com/cim-go/cim/proto"
)

// recent is how many of a log's latest positions are kept. If the store loses the log's
// tail, reading resumes from one of them. After a longer loss it resumes from the first
// position of the epoch. Then more entries are read again, and the index recognises them
// by their keys.
const recent = 64

// mark is a key's hash. It has 16 bytes, while a key has 40. With a billion messages, the
// odds of a collision are still below 1e-20.
type mark [16]byte

func markOf(key string) mark {
	sum := sha256.Sum256([]byte(key))
	return mark(sum[:16])
}

// index has the positions and keys of a history. Its owner guards it.
type index struct {
	user  int64
	keys  map[mark]struct{}
	order []mark // the keys in the order of arrival; nil if limit is zero
	limit int    // zero: keys are kept for ever
	logs  map[int64]*trail
}

func newIndex(limit int) index {
	return index{keys: make(map[mark]struct{}), limit: limit, logs: make(map[int64]*trail)}
}

func (x *index) has(key string) bool {
	_, ok := x.keys[markOf(key)]
	return ok
}

// add records a position, and the message at that position, if there is one.
func (x *index) add(at proto.Position, m *proto.Message) {
	t, ok := x.logs[at.Log]
	if !ok {
		t = new(trail)
		x.logs[at.Log] = t
	}
	t.add(at)
	if m != nil {
		x.remember(markOf(m.Key()))
	}
}

func (x *index) remember(k mark) {
	if _, ok := x.keys[k]; ok {
		return
	}
	x.keys[k] = struct{}{}
	if x.limit == 0 {
		return
	}
	if x.order = append(x.order, k); len(x.order) > x.limit {
		delete(x.keys, x.order[0])
		x.order = x.order[1:]
	}
}

func (x *index) positions(log int64) []proto.Position {
	t, ok := x.logs[log]
	if !ok {
		return nil
	}
	return t.newestFirst()
}

// trail has positions at which a log was read. These are the first position in its
// present epoch and the most recent ones, in the order in which they were written.
type trail struct {
	first proto.Position
	last  []proto.Position // oldest first, at most twice recent
}

func (t *trail) add(at proto.Position) {
	if len(t.last) == 0 || at.Epoch != t.first.Epoch {
		t.first = at
	}
	if t.last = append(t.last, at); len(t.last) >= 2*recent {
		t.last = append(t.last[:0], t.last[len(t.last)-recent:]...)
	}
}

func (t *trail) newestFirst() []proto.Position {
	tail := t.last[max(0, len(t.last)-recent):]
	list := make([]proto.Position, 0, len(tail)+1)
	for i := len(tail) - 1; i >= 0; i-- {
		list = append(list, tail[i])
	}
	if tail[0] != t.first {
		list = append(list, t.first)
	}
	return list
}
