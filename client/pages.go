package client

import "iter"

// pages yields what the pages hold that load gets, one after the other, until one
// names no next page. An error is yielded and ends it.
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
