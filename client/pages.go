package client

import "iter"

// pages loads one page after another and yields their entries. It ends after a page
// that names no next one. If load fails, it yields the error and ends.
func pages[T any, At comparable](load func(after At) (list []T, next At, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var first, after At
		for {
			list, next, err := load(after)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, one := range list {
				if !yield(one, nil) {
					return
				}
			}
			if next == first || next == after {
				return
			}
			after = next
		}
	}
}
