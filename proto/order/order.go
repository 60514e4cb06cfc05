package order

import (
	"errors"
	"slices"
)

const (
	// EarlyWait is how long, in milliseconds, an early entry waits for the missing one.
	// If two routes push entries in the wrong order, the missing one usually comes within
	// that time.
	EarlyWait = 50
	// LongestWait, in milliseconds, bounds that wait. The wait doubles each time a page
	// does not fill the gap, which happens if a replica is behind.
	LongestWait = 5000
	// MaxEarly is how many early entries may wait, and MaxEarlySize how many bytes they
	// may have together. Further entries are read from a page.
	MaxEarly     = 256
	MaxEarlySize = 1 << 20
	// Kept is the smallest number of latest places that are kept. They distinguish a
	// repeated entry from another one with the same number.
	Kept = 64
)

// ErrNoProgress is returned by Page if the log has further entries and the page has
// none of them.
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
	kept  []Place            // the latest places, oldest first
	early map[int64]Entry[T] // by number, and only numbers above last; nil: no entry has come early yet
	size  int                // bytes of the early entries

	end   Place // the furthest end that was observed; it is used only while it is beyond last
	doubt bool  // an entry or an end does not fit
	vain  int   // how many pages in a row did not fill the gap before an early entry

	asked  bool    // a page is being read
	behind Place   // the page begins after this place
	heard  int     // how many pushes and ends have come
	before int     // the value of heard at the last Ask
	points []Place // after a loss, the places to try next, the next one first; empty: no loss is being resolved
}

// New returns a Follower that continues after the first of the known places, which are
// newest first. Without places it is before the oldest entry.
func New[T any](known ...Place) *Follower[T] {
	f := new(Follower[T])
	for _, at := range slices.Backward(known) {
		f.forget(at.Epoch, at.Number) // at is newer, so the log had lost these places
		f.last = at
		f.keep(at)
	}
	return f
}

// Last returns the place of the last entry that was taken.
func (f *Follower[T]) Last() Place { return f.last }

// Push handles an entry that was pushed. It appends to ready the items that are next in
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
	case f.stands(e.At): // a repetition
	default:
		// The entry has another epoch, its number belongs to another entry, or it follows
		// another entry. Or too many early entries wait.
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
		f.doubt = f.doubt || f.asked // the page may have been read before this end
	default:
		f.doubt = true
	}
}

// Due returns how long to wait before reading a page, in milliseconds. It returns false
// while no entry is missing, or while a page is being read.
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

// Doubt makes Due return a time of zero, because the caller knows that entries are
// missing.
func (f *Follower[T]) Doubt() { f.doubt = true }

// The caller calls Failed if the page could not be read.
func (f *Follower[T]) Failed() { f.asked, f.doubt = false, true }

// Ask begins the reading of a page. It returns the place after which to read.
func (f *Follower[T]) Ask() Place {
	f.asked, f.doubt, f.before = true, false, f.heard
	f.behind = f.last
	if len(f.points) > 0 {
		f.behind = f.points[0]
	}
	return f.behind
}

// Page handles the page that was read: the entries after the place that Ask returned, and
// the log's end at that time. It appends to ready the items that are next in order.
// Numbers that are missing between the entries were trimmed or are never shown. The last
// element of entries may stand for the last entry that the route has read. Its Item is
// then not shown.
//
// Entries that were pushed while the page was read may contradict the page, because the
// log has lost one or the other. Then Page drops the rest of the page, and the next page
// is due.
//
// After ErrNoProgress the log is still due. The caller must wait before it reads a page
// again.
func (f *Follower[T]) Page(ready []T, entries []Entry[T], end Place) ([]T, error) {
	f.asked = false
	f.end = end // replaces an end that was observed before
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

// The caller calls Diverged if the page could not be read because the log does not have
// the place that Ask returned. The parameter known has the places that the caller
// knows, newest first. The next calls of Ask return earlier and earlier known places,
// with growing distances, and at last the beginning. Diverged returns false if the log
// does not even have the beginning.
func (f *Follower[T]) Diverged(known []Place) bool {
	f.Failed()
	if len(f.points) == 0 {
		f.points = resumePoints(f.behind, known)
	} else {
		f.points = f.points[1:]
	}
	return len(f.points) > 0
}

// The caller calls Refused if the route refused the page because the user has no right to
// the log. If an entry or an end has come since Ask, Refused returns false, and a page is
// due once more.
func (f *Follower[T]) Refused() bool {
	f.asked = false
	f.doubt = f.doubt || f.heard != f.before
	return f.heard == f.before
}

// Skip makes the Follower continue after the given place, as if all entries up to it
// had been taken.
func (f *Follower[T]) Skip(to Place) {
	f.asked, f.doubt, f.points = false, false, nil
	f.dropAll()
	f.take(to)
}

// rewind goes back to the given place, because the store has lost the entries after it.
func (f *Follower[T]) rewind(to Place) {
	f.points = nil
	f.last = to
	f.kept = slices.DeleteFunc(f.kept, func(at Place) bool { return at.Epoch != to.Epoch })
	f.forget(to.Epoch, to.Number+1)
	if len(f.early) > 0 {
		f.dropAll()
		f.doubt = true // the dropped early entries may be newer than the page
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

// drop drops the early entry with this number, if there is one.
func (f *Follower[T]) drop(number int64) {
	f.size -= f.early[number].Size
	delete(f.early, number)
}

// dropAll drops the early entries.
func (f *Follower[T]) dropAll() {
	clear(f.early)
	f.size = 0
}

// drain takes the early entries that follow the last entry. It drops early entries that
// are not beyond the last entry.
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

// follows reports whether e is the next entry after the last entry. If the last entry's
// key is unknown, as for some cursors, follows compares only the numbers.
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

// contradicts reports whether the place has another epoch, or whether another entry
// with the place's number was taken.
func (f *Follower[T]) contradicts(at Place) bool {
	return f.last.Number > 0 && at.Epoch != f.last.Epoch || slices.ContainsFunc(f.kept, at.conflict)
}
