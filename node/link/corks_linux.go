package link

import "sync/atomic"

// corks delays the waking of writers while callers queue packets. When a caller ends its
// cork, the corks write the frames that were held back, or wake a writer.
type corks struct {
	open atomic.Int32 // how many corks there are
	owed atomic.Bool  // a writer has to be woken at the end of a cork

	resume func() // writes the frames that were held back, or wakes writers
}

// defers reports whether the end of a cork will wake the writer, so that nobody else need
// wake it now.
func (g *corks) defers() bool {
	if g.open.Load() == 0 {
		return false
	}
	g.owed.Store(true)
	return g.open.Load() > 0 // otherwise the last cork may have ended before owed was set, and the caller must wake the writer
}

func (g *corks) begin() { g.open.Add(1) }

func (g *corks) end() {
	g.open.Add(-1)
	if g.owed.Swap(false) {
		g.resume()
	}
}
