// Package wait waits, in tests, for what must happen. It is for tests of every
// package, and nothing else imports it.
//
// A machine that others use, too, may be ten times slower than alone, and a wait
// that is bounded by what it usually takes fails then without a fault. So there is
// one bound for all waits, which only a test that is stuck meets. It costs nothing
// as long as what is awaited comes.
package wait

import (
	"context"
	"testing"
	"time"
)

// Limit bounds every wait for what must happen. It stays well below the time that
// go test gives a package, so that the test says what it waited for.
const Limit = 2 * time.Minute

// every is how often a condition is looked at.
const every = 5 * time.Millisecond

// Until blocks until ok returns true, and fails the test after Limit with what.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(Limit); !ok(); time.Sleep(every) {
		if time.Now().After(end) {
			t.Fatalf("not so after %v: %s", Limit, what)
		}
	}
}

// Context returns a context that ends after Limit, or with the test.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), Limit)
	t.Cleanup(cancel)
	return ctx
}

// Slack is how many times longer than promised something may take in a test: tests
// share their machine with other tests, under the race detector.
const Slack = 3

// round is how often Within looks.
const round = 20 * time.Millisecond

// Within blocks until ok returns true, fails the test if that takes much longer than
// the promise, and returns how long it took. It counts its own rounds and not the
// time: where the machine has no processor for the test, its rounds take longer, too.
func Within(t testing.TB, promise time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	begun := time.Now()
	for n := Slack * int(promise/round); !ok(); n-- {
		if n <= 0 && time.Since(begun) > promise+Limit/4 {
			t.Fatalf("promised within %v, not so after %v: %s", promise, time.Since(begun).Round(time.Millisecond), what)
		}
		time.Sleep(round)
	}
	return time.Since(begun)
}
