package coalesce

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Callers that come during a call share the next one, which begins after they came.
func TestCallersShareTheNextCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls Calls[time.Duration]
		var all sync.WaitGroup
		var atATime, begun atomic.Int32
		run := func() (time.Duration, error) {
			if atATime.Add(1) > 1 {
				t.Error("two calls at once")
			}
			defer atATime.Add(-1)
			n := begun.Add(1)
			time.Sleep(time.Second)
			return time.Duration(n), nil
		}
		ask := func(want time.Duration) {
			all.Go(func() {
				if got, err := calls.Do(run); got != want || err != nil {
					t.Errorf("result is of call %d, want %d; %v", got, want, err)
				}
			})
		}
		ask(1)
		synctest.Wait()
		for range 1000 {
			ask(2)
		}
		synctest.Wait()
		time.Sleep(1500 * time.Millisecond) // the second has begun
		ask(3)
		all.Wait()
		if n := begun.Load(); n != 3 {
			t.Errorf("%d calls", n)
		}
	})
}
