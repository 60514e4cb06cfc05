package admission

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// waiting starts n requests of class c that wait. The result counts those that were let
// in.
func waiting(t *testing.T, l *Limiter, c Class, n int) (in *atomic.Int64) {
	in = new(atomic.Int64)
	for range n {
		go func() {
			if v, _ := l.Wait(t.Context(), c, 0, time.Minute); v == Admitted {
				in.Add(1)
			}
		}()
	}
	synctest.Wait()
	return in
}

// slow returns a Limiter whose limit is at its minimum, as for a very slow store.
func slow(most int) *Limiter {
	l := New(Config{Most: most, Target: target})
	l.limit = floor
	return l
}

func TestFastStoreHasRoomForLoginsBesideAReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Most: 4096, Target: target})
		release := l.Hold(60)
		if in := waiting(t, l, Login, 100); int(in.Load()) != room(Login, first, 4096)-60 {
			t.Errorf("%d are let in beside 60 openings", in.Load())
		}
		if l.Enter(Normal) != Admitted || l.Enter(Sheddable) != Admitted {
			t.Error("others wait for openings, too")
		}
		release()
		l.Leave(Normal)
		l.Leave(Sheddable)
		synctest.Wait()
		if want := room(Login, first, 4096); l.InFlight() != want {
			t.Errorf("%d are in flight then, want %d", l.InFlight(), want)
		}
	})
}

// While the store is slow, waiting logins are let in only as openings end.
func TestSlowStoreIsGivenAsManyLoginsAsItOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := slow(4096)
		release := l.Hold(7)
		in := waiting(t, l, Login, 100)
		pages := waiting(t, l, Backlog, 10)
		if in.Load()+pages.Load() > 0 {
			t.Errorf("%d logins and %d pages were let in beside a report", in.Load(), pages.Load())
		}
		release()
		synctest.Wait()
		if in.Load() != 7+more || pages.Load() > 0 {
			t.Errorf("%d logins and %d pages were let in behind 7 openings", in.Load(), pages.Load())
		}
		for range in.Load() {
			l.Leave(Login)
		}
		synctest.Wait()
		if in.Load() != 7+more {
			t.Errorf("%d logins were let in as others left", in.Load())
		}
		time.Sleep(lasting)
		synctest.Wait()
		if int(in.Load()) != 7+more+room(Login, floor, 4096) {
			t.Errorf("%d logins were let in when no report came for long", in.Load())
		}
	})
}

func TestSlowStoreIsGivenFewOldPagesBehindAReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := slow(4096)
		release := l.Hold(20)
		logins, pages := waiting(t, l, Login, 3), waiting(t, l, Backlog, 10)
		release()
		synctest.Wait()
		if logins.Load() != 3 || pages.Load() != more {
			t.Errorf("%d logins and %d pages were let in", logins.Load(), pages.Load())
		}
	})
}

func TestHoldingChangesNothingWhereNothingIsLimited(t *testing.T) {
	l := New(Config{Most: -1, Target: target})
	defer l.Hold(1000)()
	if v, _ := l.Wait(t.Context(), Login, 0, time.Minute); v != Admitted {
		t.Error("a login was refused")
	}
}

// A message over HTTP in the queue does not stay behind logins that wait for a report.
func TestMessagesPassLoginsThatWaitForOpenings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := slow(4096)
		for l.Enter(Sheddable) == Admitted {
		}
		release := l.Hold(5)
		logins, messages, pages := waiting(t, l, Login, 3), waiting(t, l, Sheddable, 3), waiting(t, l, Backlog, 3)
		for range 2 {
			l.Leave(Sheddable)
		}
		synctest.Wait()
		if logins.Load() != 0 || messages.Load() != 2 || pages.Load() != 0 {
			t.Errorf("%d logins, %d messages and %d pages were let in", logins.Load(), messages.Load(), pages.Load())
		}
		release()
		synctest.Wait()
		if logins.Load() != 3 || messages.Load() != 2 || pages.Load() != 0 || l.Waiting() != 4 {
			t.Errorf("%d logins, %d messages and %d pages were let in then, and %d wait", logins.Load(), messages.Load(), pages.Load(), l.Waiting())
		}
	})
}

// After a loss, several nodes report all their sessions, without a pause between
// reports.
func TestReportsWithoutAPauseLockNobodyOut(t *testing.T) {
	for name, limiter := range map[string]func() *Limiter{
		"slow store": func() *Limiter { return slow(4096) },
		"fast store": func() *Limiter { return New(Config{Most: 4096, Target: target}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := limiter()
				var nodes sync.WaitGroup
				defer nodes.Wait()
				for i := range 2 {
					nodes.Go(func() {
						time.Sleep(time.Duration(i) * 500 * time.Millisecond)
						for range 30 {
							release := l.Hold(60)
							time.Sleep(time.Second)
							release()
						}
					})
				}
				time.Sleep(1250 * time.Millisecond) // both have begun
				in := waiting(t, l, Login, 100)
				if in.Load() != 0 {
					t.Errorf("%d were let in at once", in.Load())
				}
				time.Sleep(2 * lasting)
				synctest.Wait()
				if int(in.Load()) != room(Login, l.limit, l.most) {
					t.Errorf("%d were let in beside reports without a pause", in.Load())
				}
			})
		})
	}
}
