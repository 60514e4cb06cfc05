package link

import (
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// table finds the link of a descriptor. The system may use the number of a closed
// descriptor again at once. So an event carries the link's id, too, and counts only if
// that link still has the number.
type table struct {
	mu    sync.Mutex // held while a page is added
	pages [tablePages]atomic.Pointer[page]
}

const (
	pageLinks  = 1024
	tablePages = 1 << 12 // four million descriptors
)

type page [pageLinks]atomic.Pointer[Link]

func (t *table) place(fd int) *atomic.Pointer[Link] {
	p := &t.pages[fd/pageLinks]
	if p.Load() == nil {
		t.mu.Lock()
		if p.Load() == nil {
			p.Store(new(page))
		}
		t.mu.Unlock()
	}
	return &p.Load()[fd%pageLinks]
}

// find returns the link of an event, or nil if that link has ended.
func (t *table) find(ev *unix.EpollEvent) *Link {
	l := t.place(int(ev.Fd)).Load()
	if l == nil || int32(l.id) != ev.Pad {
		return nil
	}
	return l
}

// event returns the registration of a link's descriptor at epoll, for these events.
func event(l *Link, fd int, events uint32) *unix.EpollEvent {
	return &unix.EpollEvent{Events: events, Fd: int32(fd), Pad: int32(l.id)}
}

// errNoRoom is returned for a descriptor beyond the table.
var errNoRoom = fmt.Errorf("more than %d descriptors", tablePages*pageLinks)
