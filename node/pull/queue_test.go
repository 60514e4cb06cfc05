package pull

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
)

// job records that its turn has come, and then blocks until it may go on.
type job struct {
	run func()
}

func (j job) Pull(context.Context) { j.run() }

func TestJobsBeginInTheirOrderAndFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const jobs = 3 * workers
		q := New()
		var mu sync.Mutex
		var begun []int
		release := make(chan struct{})
		for i := range jobs {
			q.Add(job{func() {
				mu.Lock()
				begun = append(begun, i)
				mu.Unlock()
				<-release
			}})
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { q.Run(ctx) })
		synctest.Wait()
		if len(begun) != workers {
			t.Errorf("%d jobs run at a time, want %d", len(begun), workers)
		}
		for n := workers + 1; n <= jobs; n++ {
			release <- struct{}{}
			synctest.Wait()
			if len(begun) != n || begun[n-1] != n-1 {
				t.Fatalf("jobs began as %v", begun)
			}
		}
		close(release)
		stop()
		running.Wait()
	})
}

func TestRunEndsWithItsContextAndDropsJobsThatWait(t *testing.T) {
	q := New()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	q.Run(ctx)
	q.Add(job{func() { t.Error("a job ran after the end") }})
	q.Run(ctx)
}
