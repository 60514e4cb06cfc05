package client

import "iter"

// pages calls the function load for one page after another and yields their entries. This
// function returns the entries after a place, and the place from which the next page
// starts. If that place is zero, there is no further page. If load fails, pages yields the
// error and ends.
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
