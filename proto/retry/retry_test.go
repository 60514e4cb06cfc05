package retry

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDelayDoublesUpToItsMost(t *testing.T) {
	for n, want := range []time.Duration{500, 1000, 2000, 4000, 8000, 16000, 30000, 30000} {
		want *= time.Millisecond
		if got := Delay(n, 500*time.Millisecond, 30*time.Second, 1); got != want {
			t.Errorf("try %d: %v, want %v", n, got, want)
		}
		if got := Delay(n, 500*time.Millisecond, 30*time.Second, 0.5); got != want/2 {
			t.Errorf("try %d: %v, want half of %v", n, got, want)
		}
	}
}

// This holds for all tries, also for those whose bound would overflow.
func TestDelayStaysWithinItsBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// A float64 holds each of these exactly: 2^53 ns are 104 days.
		base := time.Duration(rapid.Int64Range(1, 1<<53).Draw(t, "base"))
		most := time.Duration(rapid.Int64Range(1, 1<<53).Draw(t, "most"))
		n := rapid.IntRange(0, math.MaxInt).Draw(t, "n")
		roll := rapid.Float64Range(0, 1).Draw(t, "roll")
		bound, wait := Delay(n, base, most, 1), Delay(n, base, most, roll)
		if exact := min(float64(most), math.Ldexp(float64(base), min(n, 1024))); float64(bound) != exact {
			t.Fatalf("bound %v, want %v", bound, time.Duration(exact))
		}
		if wait < 0 || wait > bound || roll <= 0.5 && wait > bound/2 {
			t.Fatalf("waits %v, bound %v", wait, bound)
		}
		if next := Delay(min(n, math.MaxInt-1)+1, base, most, roll); next < wait {
			t.Fatalf("waits %v, and then %v", wait, next)
		}
	})
}

// Many callers that fail together retry at times that are spread over the whole wait.
func TestDelaysSpreadOverTheWholeWait(t *testing.T) {
	var tenths [10]int
	for i := range 1000 {
		wait := Delay(3, time.Second, time.Minute, float64(i)/1000)
		tenths[wait*10/(8*time.Second)]++
	}
	for i, n := range tenths {
		if n < 99 || n > 101 {
			t.Errorf("tenth %d of the wait has %d of 1000", i, n)
		}
	}
}
