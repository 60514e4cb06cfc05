package proto

// Raise puts m into marks, which has one mark of each log, if m is newer than the mark
// of its log there. It returns the list. m is newer if it has a larger number or
// another epoch, because an older epoch never comes back.
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

// Newer reports whether m is newer than another mark of the same log. That mark may be
// nil, and then m is newer.
func Newer(have, m *Mark) bool {
	return have == nil || m.Epoch != have.Epoch || m.Number > have.Number
}
