// Package retry computes how long to wait before the next try. Delay has no clock and no
// random source, and keeps nothing. Sleep waits.
//
// After n+1 failures in a row, the wait before the next try is
//
//	roll × min(most, base × 2ⁿ), roll uniform in [0, 1)
//
// This is exponential back-off with full jitter, as Marc Brooker describes it in
// "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015). Callers that lost the
// same peer at the same moment come back at times that are spread over the whole wait.
// Of the variants that the article compares, this one costs the peer the fewest calls.
//
// The mean wait is half of the bound, and a wait may be close to zero. This is good for
// large numbers of callers that try until they succeed, such as clients, and nodes that
// look for each other. Two callers pass 1 as their roll, and so wait for the whole bound:
//
//   - The store's pipelines (routefn/record) have six tries. Together these must last
//     as long as a slot may take to move, and full jitter would halve that time.
//   - The loop that accepts connections (node/link) is the only one in its process. It
//     waits for descriptors, and no other caller competes for them.
package retry

import "time"

// Delay returns how long to wait after n+1 failures in a row. The wait is roll times a
// bound. The bound is base for n = 0 and doubles with each further failure, up to most.
// The parameter roll is uniform in [0, 1), or 1 for the bound itself. The parameters base
// and most are not negative.
func Delay(n int, base, most time.Duration, roll float64) time.Duration {
	bound := most
	if base <= most>>n { // otherwise base<<n is above most, or overflows
		bound = base << n
	}
	return time.Duration(roll * float64(bound))
}
