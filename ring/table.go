package ring

import (
	"slices"
	"sync"
	"sync/atomic"
)

// A Table holds the current view. Readers never wait; a writer replaces the
// view as a whole. Make it with NewTable.
type Table struct {
	mu  sync.Mutex // held by Set, so that views follow each other
	now atomic.Pointer[snapshot]
}

type snapshot struct {
	view     *View
	replaced chan struct{} // closed when another snapshot takes this one's place
}

// NewTable returns a table without members.
func NewTable() *Table {
	t := new(Table)
	t.now.Store(&snapshot{view: NewView(nil), replaced: make(chan struct{})})
	return t
}

// Current returns the current view.
func (t *Table) Current() *View { return t.now.Load().view }

// Watch returns the current view and a channel that is closed when another has
// taken its place, be it for a load. To follow every change, call Watch again
// after the channel is closed: changes in between are seen as one.
func (t *Table) Watch() (*View, <-chan struct{}) {
	s := t.now.Load()
	return s.view, s.replaced
}

// Set makes members the current view. The ring is built anew, some 15 ms, only
// if the ids or weights of those that serve differ; equal members change
// nothing. members is not kept.
func (t *Table) Set(members []Member) {
	members = canonical(members)
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.now.Load()
	if slices.Equal(old.view.members, members) {
		return
	}
	t.now.Store(&snapshot{view: newView(members, old.view), replaced: make(chan struct{})})
	close(old.replaced)
}
