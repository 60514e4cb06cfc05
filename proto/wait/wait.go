// Package wait has waits with time-outs for tests. Only tests import it.
//
// A shared machine may be ten times slower than usual. A test whose time-out is close
// to the usual time then fails without a fault. So all waits have the same long
// time-out, which only a stuck test reaches. While tests pass, the time-out costs no
// time.
package wait

import (
	"context"
	"testing"
	"time"
)

// Limit is the time-out of every wait. It is well below go test's time-out for a package,
// so that the test reports what it waited for.
const Limit = 2 * time.Minute

// every is the time between two calls of a condition.
const every = 5 * time.Millisecond

// Until blocks until ok returns true. If that takes longer than Limit, the test fails
// with the text what.
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

// Slack is the factor by which a test multiplies a promised time. Tests need it because
// they share their machine with other tests and run under the race detector.
const Slack = 3

// round is the time between two calls of Within's condition.
const round = 20 * time.Millisecond

// Within blocks until ok returns true and returns how long that took. If that takes much
// longer than promise, the test fails with the text what. It fails after Slack times as
// many rounds as fit into promise, and not before promise + Limit/4. It counts rounds
// because these also take longer on a busy machine. For a promise as long as Limit, use
// Until.
func Within(t testing.TB, promise time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	if promise >= Limit {
		t.Fatalf("a promise of %v: %s", promise, what)
	}
	begun := time.Now()
	for n := Slack * int(promise/round); !ok(); n-- {
		if n <= 0 && time.Since(begun) > promise+Limit/4 {
			t.Fatalf("promised within %v, not so after %v: %s", promise, time.Since(begun).Round(time.Millisecond), what)
		}
		time.Sleep(round)
	}
	return time.Since(begun)
}
