package admission

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

const target = 100 * time.Millisecond

func TestOneLookFindsWhatKeepsTheStoreBusy(t *testing.T) {
	second := func(w window) window { w.took = time.Second; return w }
	for name, tt := range map[string]struct {
		limit int
		w     window
		want  int
	}{
		"late: a tenth below rate times target":   {4096, second(window{left: 5000, peak: 4000, answers: 5000, late: 4000}), 450},
		"late, and the limit was right":           {450, second(window{left: 5000, peak: 450, answers: 5000, late: 2600}), 450},
		"late, and the store does next to none":   {4096, second(window{left: 3, peak: 4000, answers: 3, late: 3}), floor},
		"late, with a rate that outran the limit": {100, second(window{left: 90_000, peak: 100, answers: 90_000, late: 90_000}), 100},
		"late without many in flight":             {4096, second(window{left: 5, peak: floor, answers: 5, late: 5}), 4096},
		"half late is not more than half":         {100, second(window{left: 10, peak: 100, answers: 10, late: 5}), 100 + step},
		"in time, and the limit was used":         {100, second(window{left: 10, peak: 51, answers: 10}), 100 + step},
		"in time, and nobody needs more":          {100, second(window{left: 10, peak: 50, answers: 10}), 100},
		"grows to the maximum":                    {4090, second(window{left: 10, peak: 4000, answers: 10}), 4096},
		"nothing was heard of the store":          {100, second(window{left: 10, peak: 100}), 100},
	} {
		if got := next(tt.limit, 4096, false, target, tt.w); got != tt.want {
			t.Errorf("%s: %d becomes %d, want %d", name, tt.limit, got, tt.want)
		}
	}
	if got := next(64, 4096, true, target, second(window{left: 10, peak: 64, answers: 10})); got != 128 {
		t.Errorf("a store that never had too much to do: 64 becomes %d, want 128", got)
	}
}

func TestLimitStaysBetweenFloorAndMaximum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(floor, 10_000).Draw(t, "most")
		limit := rapid.IntRange(floor, most).Draw(t, "limit")
		answers := rapid.IntRange(0, 1000).Draw(t, "answers")
		starting := rapid.Bool().Draw(t, "starting")
		got := next(limit, most, starting, target, window{
			took: time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "took")),
			left: rapid.IntRange(0, 100_000).Draw(t, "left"), peak: rapid.IntRange(0, most).Draw(t, "peak"),
			answers: answers, late: rapid.IntRange(0, answers).Draw(t, "late"),
		})
		if got < floor || got > most || got > max(limit+step, 2*limit) {
			t.Fatalf("%d of %d becomes %d", limit, most, got)
		}
		if b, s, g, n, c := room(Backlog, got, most), room(Sheddable, got, most), room(Login, got, most), room(Normal, got, most), room(Critical, got, most); b > s || s > g || g > n || n >= c || c != most || b == 0 {
			t.Fatalf("room for old pages %d, sheddable %d, logins %d, normal %d, critical %d of %d", b, s, g, n, c, most)
		}
	})
}

// Requests that keep the cluster consistent are let in, for any number of messages and
// logins, and however slow the store is.
func TestCriticalRequestsHaveRoomThatOthersCannotTake(t *testing.T) {
	l := New(Config{Most: 80, Target: target})
	fill := func(c Class) (n int, why Verdict) {
		for {
			if why = l.Enter(c); why != Admitted {
				return n, why
			}
			n++
		}
	}
	for _, want := range []struct {
		class Class
		n     int
	}{{Backlog, 40}, {Sheddable, 20}, {Login, 5}, {Normal, 5}, {Critical, 10}} {
		if n, why := fill(want.class); n != want.n || why != Full {
			t.Errorf("class %d: %d let in, then %d", want.class, n, why)
		}
	}
	if l.InFlight() != 80 {
		t.Errorf("%d in flight", l.InFlight())
	}
}

func TestLimiterThatIsOffRefusesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Most: -1, Target: target})
		for range 100_000 {
			if l.Enter(Sheddable) != Admitted {
				t.Fatal("refused")
			}
		}
		time.Sleep(time.Second)
		l.Answered(time.Second)
		if l.Enter(Sheddable) != Admitted || l.Limit(Sheddable) != -1 {
			t.Error("a slow store turned it on")
		}
	})
}

// store serves one request at a time, in the order in which they come. Each takes a
// millisecond, so it serves a thousand a second.
type store struct {
	each time.Duration // zero: a millisecond
	mu   sync.Mutex
	free time.Time
}

func (s *store) do() (took time.Duration) {
	begun := time.Now()
	s.mu.Lock()
	if s.free.Before(begun) {
		s.free = begun
	}
	s.free = s.free.Add(cmp.Or(s.each, time.Millisecond))
	done := s.free
	s.mu.Unlock()
	time.Sleep(time.Until(done))
	return time.Since(begun)
}

// Requests come at ten times the store's rate for ten seconds. Admitted requests take
// about the target, the store stays busy, and afterwards answers are fast at once.
func TestStoreIsKeptBusyAndNotMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := New(Config{Most: 4096, Target: target}), new(store)
		var mu sync.Mutex
		var waits []time.Duration
		var requests sync.WaitGroup
		request := func() {
			if l.Enter(Sheddable) != Admitted {
				return
			}
			requests.Go(func() {
				took := s.do()
				l.Answered(took)
				l.Leave(Sheddable)
				mu.Lock()
				waits = append(waits, took)
				mu.Unlock()
			})
		}
		come := func(every, span time.Duration) []time.Duration {
			for end := time.Now().Add(span); time.Now().Before(end); {
				time.Sleep(time.Duration(rand.Int64N(int64(2 * every))))
				request()
			}
			mu.Lock()
			defer mu.Unlock()
			list := waits
			waits = nil
			return list
		}
		come(2*time.Millisecond, 2*time.Second)
		if l.Limit(Sheddable) != first {
			t.Errorf("half of what it can do changed the limit to %d", l.Limit(Sheddable))
		}
		come(100*time.Microsecond, 2*time.Second) // it learns
		burst := come(100*time.Microsecond, 8*time.Second)
		if n := len(burst); n < 7500 {
			t.Errorf("let %d in of 8,000 that the store could do", n)
		}
		late := 0
		for _, took := range burst {
			if took > 2*target {
				late++
			}
		}
		t.Logf("%d let in, %d of them took more than %v; limit %d", len(burst), late, 2*target, l.Limit(Sheddable))
		if late > 0 {
			t.Errorf("%d of %d waited for more than twice the target", late, len(burst))
		}
		come(2*time.Millisecond, 500*time.Millisecond)
		for _, took := range come(2*time.Millisecond, 2*time.Second) {
			if took > target/2 {
				t.Errorf("a request takes %v half a second after the burst", took)
			}
		}
		requests.Wait()
	})
}

// Two thousand come at once to a store that serves 40 of them a second. Each gets in,
// within little more time than the store needs for all. Each is told to come again
// twice at most.
func TestCrowdGetsInAndIsToldTwiceAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const crowd = 2000
		l, s := New(Config{Most: 4096, Target: target}), &store{each: 25 * time.Millisecond}
		var all sync.WaitGroup
		told := make([]int, crowd)
		begun := time.Now()
		var last time.Duration
		var mu sync.Mutex
		for i := range crowd {
			all.Go(func() {
				time.Sleep(time.Duration(rand.Int64N(int64(time.Second))))
				for {
					patience := 5 * time.Second
					if told[i] > 0 {
						patience = 20 * time.Second
					}
					verdict, again := l.Wait(t.Context(), Login, told[i], patience)
					if verdict == Admitted {
						break
					}
					told[i]++
					time.Sleep(again)
				}
				l.Answered(s.do())
				l.Leave(Login)
				mu.Lock()
				last = time.Since(begun)
				mu.Unlock()
			})
		}
		// Old pages come all the time and take what is left: nothing.
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
		pages := 0
		for range 200 {
			all.Go(func() {
				for ctx.Err() == nil {
					if verdict, again := l.Wait(ctx, Backlog, 0, 20*time.Second); verdict != Admitted {
						time.Sleep(again)
						continue
					}
					mu.Lock()
					pages++
					mu.Unlock()
					l.Answered(s.do())
					l.Leave(Backlog)
				}
			})
		}
		connected := 0
		for ctx.Err() == nil { // and connected users have room all the time
			if l.Enter(Normal) == Admitted {
				connected++
				l.Leave(Normal)
			}
			time.Sleep(100 * time.Millisecond)
		}
		all.Wait()
		cancel()
		most := slices.Max(told)
		t.Logf("all in after %v, told to come again %d times at most; %d old pages meanwhile; of some 400 others %d had room", last, most, pages, connected)
		if most > 2 || last > 62*time.Second || pages > 200 || connected < 400 {
			t.Error("that is not what was promised")
		}
		if l.InFlight() != 0 || l.Waiting() != 0 {
			t.Errorf("%d in flight, %d in line", l.InFlight(), l.Waiting())
		}
	})
}

// In the queue, logins are before old pages. Within a class, a request that was refused
// more often is before others.
func TestLineIsInTheOrderOfClassAndRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Most: 4096, Target: target})
		for l.Enter(Normal) == Admitted {
		}
		var order []string
		wait := func(name string, c Class, refused int) {
			go func() {
				if v, _ := l.Wait(t.Context(), c, refused, time.Minute); v == Admitted {
					order = append(order, name)
				}
			}()
			synctest.Wait()
		}
		wait("page", Backlog, 9)
		wait("first", Login, 0)
		wait("second", Login, 0)
		wait("refused", Login, 1)
		if l.Enter(Backlog) == Admitted || l.Enter(Login) == Admitted {
			t.Error("somebody passed the line")
		}
		for l.InFlight() > 0 {
			l.Leave(Normal)
			synctest.Wait()
		}
		if want := []string{"refused", "first", "second", "page"}; !slices.Equal(order, want) {
			t.Errorf("let in were %q, want %q", order, want)
		}
	})
}

func TestWaitEndsWithItsContextAndItsPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Most: 1, Target: target})
		l.Enter(Critical)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		if v, again := l.Wait(ctx, Login, 0, time.Minute); v == Admitted || again <= 0 || time.Since(begun) != time.Second {
			t.Errorf("ended with %v after %v", v, time.Since(begun))
		}
		if v, _ := l.Wait(t.Context(), Login, 0, 3*time.Second); v == Admitted || time.Since(begun) != 4*time.Second || l.Waiting() != 0 {
			t.Errorf("waited with %v until %v; %d in line", v, time.Since(begun), l.Waiting())
		}
	})
}

// Messages that wait take a quarter of the queue at most. So logins find a place
// however many messages wait, and they are served before the messages.
func TestMessagesInLineCrowdNoLoginOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Most: 64, Target: target})
		for l.Enter(Normal) == Admitted {
		}
		ctx, cancel := context.WithCancel(t.Context())
		var full, loggedIn atomic.Int64
		for range 100 {
			go func() {
				if v, _ := l.Wait(ctx, Sheddable, 0, time.Minute); v == Full {
					full.Add(1)
				}
			}()
			synctest.Wait() // one goroutine at a time
		}
		if l.Waiting() != 16 || full.Load() != 84 {
			t.Errorf("%d messages wait, %d were refused, want 16 of 64 places", l.Waiting(), full.Load())
		}
		go func() {
			if v, _ := l.Wait(ctx, Login, 0, time.Minute); v == Admitted {
				loggedIn.Add(1)
			}
		}()
		synctest.Wait()
		for l.InFlight() > l.Limit(Login)-1 {
			l.Leave(Normal)
		}
		synctest.Wait()
		if loggedIn.Load() != 1 || l.Waiting() != 16 {
			t.Errorf("%d logins are in, %d messages wait", loggedIn.Load(), l.Waiting())
		}
		cancel()
		synctest.Wait()
	})
}
