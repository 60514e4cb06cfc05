// Package retry computes how long to wait before the next try. It has no clock and no
// random source, and keeps nothing.
//
// The wait before try n, from 0, of a row of failures is
//
//	roll × min(most, base × 2ⁿ), roll uniform in [0, 1)
//
// This is exponential back-off with full jitter, as Marc Brooker describes it in
// "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015). Those who lost the
// same peer at the same moment come back spread over the whole wait. Of the variants
// compared there, it costs the peer the fewest calls.
//
// The mean wait is half of the bound, and a wait may be close to zero. This suits
// callers who are many and who try for as long as it takes: clients, and nodes that
// look for each other. Two callers pass 1 as their roll and so wait for the bound itself:
//
//   - The store's pipelines (routefn/record) have six tries. These must last as long
//     as a key of a moving slot may take, and full jitter would halve that.
//   - The loop that accepts connections (node/link) is alone in its process. It waits
//     for descriptors, and nobody competes with it.
package retry

import "time"

// Delay returns the wait before try n, from 0, of a row of failures. The wait is roll
// times a bound. The bound begins at base and doubles with each try, up to the value of
// most. A roll is uniform in [0, 1); 1 returns the bound. Base and most are not
// negative.
func Delay(n int, base, most time.Duration, roll float64) time.Duration {
	bound := most
	if base <= most>>n { // else base<<n is above most, or overflows
		bound = base << n
	}
	return time.Duration(roll * float64(bound))
}
