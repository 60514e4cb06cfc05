package standstill

import (
	"testing"
	"time"
)

func TestWatchIsSureForAsLongAsItWasVouchedFor(t *testing.T) {
	w, now := New(time.Minute), time.Now()
	for after, want := range map[time.Duration]bool{0: true, time.Minute: true, 61 * time.Second: false} {
		w.Vouch(now)
		if got := w.Sure(now.Add(after)); got != want {
			t.Errorf("after %v: sure %v, want %v", after, got, want)
		}
	}
}

// After a machine has slept, its wall clock is ahead of its monotonic clock.
func TestElapsedCountsTheWallClockToo(t *testing.T) {
	now := time.Now()
	slept := now.Round(0).Add(time.Hour) // no monotonic reading
	if got := Elapsed(now, slept); got < time.Hour {
		t.Errorf("%v elapsed, want an hour", got)
	}
	if got := Elapsed(now, now.Add(time.Second)); got != time.Second {
		t.Errorf("%v elapsed, want a second", got)
	}
}
