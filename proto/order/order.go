package order

import (
	"errors"
	"slices"
)

const (
	// EarlyWait is how long, in milliseconds, an early entry waits for the missing one.
	// Pushes of two routes overtake each other by less.
	EarlyWait = 50
	// LongestWait, in milliseconds, bounds the wait, which doubles while pages do not
	// fill the gap. That happens if a replica is behind.
	LongestWait = 5000
	// MaxEarly is how many entries may wait for a missing one, and MaxEarlySize how many
	// bytes they may hold. Further entries are read from a page.
	MaxEarly     = 256
	MaxEarlySize = 1 << 20
	// Kept is the smallest number of latest places that are kept. They distinguish a
	// repeated entry from another one with the same number.
	Kept = 64
)

// ErrNoProgress is returned by Page if the log has more entries and the page has none.
var ErrNoProgress = errors.New("the page has none of the log's further entries")

// Entry is an entry of a log. Item belongs to the caller.
type Entry[T any] struct {
	At   Place
	Prev string // key of the entry before it; not used in a page
	Size int    // bytes that Item holds; not used in a page
	Item T
}

// Follower follows one log. The zero Follower is before the oldest entry. It is not safe
// for concurrent use.
type Follower[T any] struct {
	last  Place
	kept  []Place            // the latest ones, oldest first
	early map[int64]Entry[T] // by number, all above last; nil: never needed
	size  int                // bytes of the early entries

	end   Place // the furthest end that was observed; it matters while it is beyond last
	doubt bool  // an entry or an end does not fit
	vain  int   // consecutive pages after which early entries still waited

	asked  bool    // a page is being read
	behind Place   // the page begins after it
	heard  int     // number of pushes and ends
	before int     // heard at the last Ask
	points []Place // places to resume at, the next one first; empty: not resuming
}

// New returns a Follower at the first of the places, which are newest first. Without
// places it is before the oldest entry.
func New[T any](known ...Place) *Follower[T] {
	f := new(Follower[T])
	for _, at := range slices.Backward(known) {
		f.forget(at.Epoch, at.Number) // the log has lost the later places
		f.last = at
		f.keep(at)
	}
	return f
}

// Last returns the place of the last entry that was taken.
func (f *Follower[T]) Last() Place { return f.last }

// Push handles an entry that was pushed. It appends to ready the items that come next in
// order.
func (f *Follower[T]) Push(ready []T, e Entry[T]) []T {
	f.heard++
	switch {
	case f.follows(e):
		f.take(e.At)
		ready = append(ready, e.Item)
		return f.drain(ready)
	case f.beyond(e.At) && e.At.Number > f.last.Number+1 && f.room(e):
		f.wait(e)
	case f.stands(e.At): // repeated
	default:
		// It has another epoch, the number of another entry, or another entry before it.
		// Or too many entries wait.
		f.doubt = true
	}
	return ready
}

// Observe handles a report of the log's end.
func (f *Follower[T]) Observe(end Place) {
	f.heard++
	switch {
	case end.Number == 0 && f.last.Number == 0, f.stands(end):
	case f.beyond(end):
		if end.Epoch != f.end.Epoch || end.Number > f.end.Number {
			f.end = end
		}
		f.doubt = f.doubt || f.asked // the page may be older
	default:
		f.doubt = true
	}
}

// Due returns in how many milliseconds to read a page. It returns false while nothing is
// missing or a page is being read.
func (f *Follower[T]) Due() (ms int, ok bool) {
	switch {
	case f.asked:
		return 0, false
	case f.doubt || f.More():
		return 0, true
	case len(f.early) > 0:
		return min(EarlyWait<<min(f.vain, 16), LongestWait), true
	}
	return 0, false
}

// Lacks reports whether entries are missing, or may be missing.
func (f *Follower[T]) Lacks() bool {
	return f.asked || f.doubt || f.More() || len(f.early) > 0
}

// More reports whether an observed end is beyond the last entry.
func (f *Follower[T]) More() bool { return f.end.Number > f.last.Number }

// Furthest returns the furthest place of the log that is known.
func (f *Follower[T]) Furthest() Place {
	furthest := f.last
	if f.More() {
		furthest = f.end
	}
	for number, e := range f.early {
		if number > furthest.Number {
			furthest = e.At
		}
	}
	return furthest
}

// Doubt makes the log due, because the caller knows that entries are missing.
func (f *Follower[T]) Doubt() { f.doubt = true }

// Failed ends a page that could not be read.
func (f *Follower[T]) Failed() { f.asked, f.doubt = false, true }

// Ask begins a page and returns the place after which to read it.
func (f *Follower[T]) Ask() Place {
	f.asked, f.doubt, f.before = true, false, f.heard
	f.behind = f.last
	if len(f.points) > 0 {
		f.behind = f.points[0]
	}
	return f.behind
}

// Page ends a page. It takes the entries after the place that Ask returned, and the log's
// end when they were read. It appends to ready the items that come next in order. Missing
// numbers between the entries were trimmed or are not shown. The last entry may be the
// last one that the route read, with an Item that shows nothing.
//
// Entries that were pushed while the page was read may be lost again, and the page may
// have others in their place. Then Page drops the rest of the page, and the log is due
// again.
//
// After ErrNoProgress the log is still due. The caller must wait before it reads a page
// again.
func (f *Follower[T]) Page(ready []T, entries []Entry[T], end Place) ([]T, error) {
	f.asked = false
	f.end = end // the page's end replaces one that was observed before
	if len(f.points) > 0 {
		f.rewind(f.points[0])
	}
	for _, e := range entries {
		switch {
		case f.contradicts(e.At):
			f.doubt = true
			return ready, nil
		case e.At.Number > f.last.Number:
			f.take(e.At)
			ready = append(ready, e.Item)
		}
	}
	ready = f.drain(ready)
	switch {
	case f.More() && f.last == f.behind:
		return ready, ErrNoProgress
	case len(f.early) > 0:
		f.vain++
	}
	return ready, nil
}

// Diverged ends a page that could not be read because the log does not have the place
// that Ask returned. known are the known places, newest first. The next Ask returns an
// earlier one of them, with growing distances, and at last the beginning. Diverged
// returns false if the beginning has failed, too.
func (f *Follower[T]) Diverged(known []Place) bool {
	f.Failed()
	if len(f.points) == 0 {
		f.points = resumePoints(f.behind, known)
	} else {
		f.points = f.points[1:]
	}
	return len(f.points) > 0
}

// Refused ends a page that the route refused because the user has no right to the log. It
// returns false if an entry or an end came since Ask. Then the log is due once more.
func (f *Follower[T]) Refused() bool {
	f.asked = false
	f.doubt = f.doubt || f.heard != f.before
	return f.heard == f.before
}

// Skip continues after a place, as if all entries up to it had been taken.
func (f *Follower[T]) Skip(to Place) {
	f.asked, f.doubt, f.points = false, false, nil
	f.dropAll()
	f.take(to)
}

// rewind goes back to a place, because the store has lost the entries after it.
func (f *Follower[T]) rewind(to Place) {
	f.points = nil
	f.last = to
	f.kept = slices.DeleteFunc(f.kept, func(at Place) bool { return at.Epoch != to.Epoch })
	f.forget(to.Epoch, to.Number+1)
	if len(f.early) > 0 {
		f.dropAll()
		f.doubt = true // they may be newer than the page
	}
}

func (f *Follower[T]) take(at Place) {
	f.last = at
	f.vain = 0
	f.keep(at)
	f.doubt = f.doubt || at.conflict(f.end)
}

// room reports whether there is room for an early entry.
func (f *Follower[T]) room(e Entry[T]) bool {
	size := f.size - f.early[e.At.Number].Size + e.Size
	return len(f.early) < MaxEarly && size <= MaxEarlySize
}

// wait stores an early entry.
func (f *Follower[T]) wait(e Entry[T]) {
	if f.early == nil {
		f.early = make(map[int64]Entry[T])
	}
	f.drop(e.At.Number)
	f.early[e.At.Number] = e
	f.size += e.Size
}

// drop drops the early entry of a number, if there is one.
func (f *Follower[T]) drop(number int64) {
	f.size -= f.early[number].Size
	delete(f.early, number)
}

// dropAll drops the early entries.
func (f *Follower[T]) dropAll() {
	clear(f.early)
	f.size = 0
}

// drain takes the early entries that follow the last one, and drops the early entries
// that are not beyond it.
func (f *Follower[T]) drain(ready []T) []T {
	if len(f.early) == 0 {
		return ready
	}
	for e, ok := f.early[f.last.Number+1]; ok && f.follows(e); e, ok = f.early[f.last.Number+1] {
		f.take(e.At)
		f.drop(e.At.Number)
		ready = append(ready, e.Item)
	}
	for number, e := range f.early {
		if number <= f.last.Number+1 {
			f.drop(number)
			f.doubt = f.doubt || !f.stands(e.At)
		}
	}
	return ready
}

// follows reports whether the entry is the next one after the last. If the last one's key
// is unknown, as for some cursors, only the numbers are compared.
func (f *Follower[T]) follows(e Entry[T]) bool {
	return e.At.Number == f.last.Number+1 && f.beyond(e.At) &&
		(f.last.Key == "" || e.Prev == f.last.Key)
}

// beyond reports whether the place is after the last entry in the same epoch.
func (f *Follower[T]) beyond(at Place) bool {
	return at.Number > f.last.Number && (f.last.Number == 0 || at.Epoch == f.last.Epoch)
}

// keep stores a place. It does not allocate after the list has grown to 2*Kept places.
func (f *Follower[T]) keep(at Place) {
	if len(f.kept) == 2*Kept {
		f.kept = append(f.kept[:0], f.kept[Kept:]...)
	}
	f.kept = append(f.kept, at)
}

// forget removes the places of an epoch from a number on.
func (f *Follower[T]) forget(epoch uint64, number int64) {
	f.kept = slices.DeleteFunc(f.kept, func(at Place) bool { return at.Epoch == epoch && at.Number >= number })
}

// stands reports whether the entry at this place was taken.
func (f *Follower[T]) stands(at Place) bool { return slices.Contains(f.kept, at) }

// contradicts reports whether the place has another epoch, or another entry was taken
// with its number.
func (f *Follower[T]) contradicts(at Place) bool {
	return f.last.Number > 0 && at.Epoch != f.last.Epoch || slices.ContainsFunc(f.kept, at.conflict)
}
