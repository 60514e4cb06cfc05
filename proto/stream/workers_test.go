package stream

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestWorkersBoundWhatIsInProgressAndWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
		const most, calls = 10, 25
		w := newWorkers(most)
		var begun, done atomic.Int64
		gate := make(chan struct{})
		go func() {
			for range calls {
				w.do(func() { begun.Add(1); <-gate; done.Add(1) })
			}
		}()
		synctest.Wait()
		if n := begun.Load(); n != most {
			t.Errorf("%d calls in progress, want %d", n, most)
		}
		close(gate)
		synctest.Wait()
		if n := len(w.idle); done.Load() != calls || n != keptWorkers {
			t.Errorf("%d calls are done, %d workers wait, want %d and %d", done.Load(), n, calls, keptWorkers)
		}
		held := make(chan struct{})
		w.do(func() { <-held; done.Add(1) })
		synctest.Wait()
		if n := len(w.idle); n != keptWorkers-1 {
			t.Errorf("%d workers wait while one works, want %d", n, keptWorkers-1)
		}
		go func() { close(held) }()
		if w.end(); done.Load() != calls+1 {
			t.Error("it ended before the last call was done")
		}
	})
}
