package order

import "slices"

// Place is the place of an entry in its log. The zero Place is before the oldest entry.
type Place struct {
	Epoch  uint64
	Number int64
	Key    string // of the entry; empty: unknown
}

// Start returns the places at which to start to follow a log, newest first. They are the
// places that the device has kept. Without any, it is the device's cursor, else the log's
// end if fromEnd is set. No place means the oldest entry that the device may read.
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

// resumePoints returns the places to resume at after a log has lost its tail. They are
// known places, newest first, and each distance is twice the one before. So a long loss
// takes few tries, and the entries that are read twice are at most as many as were lost.
// The last two are the earliest known place and the beginning.
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
