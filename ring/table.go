package ring

import (
	"slices"
	"sync"
	"sync/atomic"
)

// A Table holds the current view, which Set replaces as a whole. No method waits until
// the arcs of a ring are divided. It is safe for concurrent use. Make it with NewTable.
type Table struct {
	mu  sync.Mutex // held by Set, so that calls of Set run one after another
	now atomic.Pointer[snapshot]
}

type snapshot struct {
	view     *View
	replaced chan struct{} // closed when another snapshot replaces this one
}

// NewTable returns a table without members.
func NewTable() *Table {
	t := new(Table)
	t.now.Store(&snapshot{view: NewView(nil), replaced: make(chan struct{})})
	return t
}

// Current returns the current view.
func (t *Table) Current() *View { return t.now.Load().view }

// Watch returns the current view and a channel that is closed when another view replaces
// it, even if only a load has changed. To follow all changes, call Watch again after the
// channel is closed. Several changes between two calls of Watch appear as one.
func (t *Table) Watch() (*View, <-chan struct{}) {
	s := t.now.Load()
	return s.view, s.replaced
}

// Set replaces the current view by a view of members. Every call of Current after Set
// has returned gets the new view. Set does nothing if the members are the same as
// before. It does not keep the slice.
//
// The view has a new ring only if the ids or weights of serving members differ. The first
// lookup in the new ring divides its arcs. So in a burst of changes, only rings in which
// somebody looks up a user have that cost.
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
