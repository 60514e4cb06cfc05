package proto

// The list marks has at most one mark of each log. If m is newer than the mark of its
// log, or there is none, Raise puts m into the list. It returns the list. m is newer if
// it has a larger number or another epoch, because an older epoch never comes back.
func Raise(marks []*Mark, m *Mark) []*Mark {
	for i, have := range marks {
		if have.Log != m.Log {
			continue
		}
		if Newer(have, m) {
			marks[i] = m
		}
		return marks
	}
	return append(marks, m)
}

// Newer reports whether m is newer than have, a mark of the same log. If have is nil, m
// is newer.
func Newer(have, m *Mark) bool {
	return have == nil || m.Epoch != have.Epoch || m.Number > have.Number
}
