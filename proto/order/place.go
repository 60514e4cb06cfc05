package order

import "slices"

// Place is the place of an entry in its log. The zero Place is before the oldest entry.
type Place struct {
	Epoch  uint64
	Number int64
	Key    string // key of the entry; empty: unknown
}

// Start returns the places with which to begin to follow a log, newest first, for New.
// They are the places in kept, which the device has stored. If kept is empty, the
// result is cursor, the device's cursor. If there is no cursor, either, fromEnd
// decides. If fromEnd is true, the result is end, the log's end. An empty result means
// the oldest entry that the device may read.
func Start(kept []Place, cursor, end Place, fromEnd bool) []Place {
	switch {
	case len(kept) > 0:
		return kept
	case cursor.Number > 0:
		return []Place{cursor}
	case fromEnd && end.Number > 0:
		return []Place{end}
	}
	return nil
}

// resumePoints returns the places to try, in this order, when a log has lost its tail.
// The parameter lost is a place that was lost with the tail. The result has known
// places, newest first, at distances of 1, 2, 4 and so on. So even a long loss needs
// few tries. The number of entries that are read again is at most the number of lost
// ones. The last two points are the earliest known place and the beginning.
func resumePoints(lost Place, known []Place) (points []Place) {
	known = slices.DeleteFunc(slices.Clone(known), func(at Place) bool { return at == lost })
	for i, step := 0, 1; i < len(known); i, step = i+step, 2*step {
		points = append(points, known[i])
	}
	if n := len(known); n > 0 && points[len(points)-1] != known[n-1] {
		points = append(points, known[n-1])
	}
	return append(points, Place{})
}

// conflict reports whether two places have the same epoch and number but different keys.
// One log cannot have both.
func (at Place) conflict(other Place) bool {
	return at.Epoch == other.Epoch && at.Number == other.Number &&
		at.Key != other.Key && at.Key != "" && other.Key != ""
}
