package admission

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestOneUserHasAnEighthOfTheLimit(t *testing.T) {
	for limit, want := range map[int]int{32: smallestShare, 128: 16, 3584: 448} {
		var s Share
		n := 0
		for s.Enter(1, limit, 0) {
			n++
		}
		if n != want {
			t.Errorf("of %d places one user has %d, want %d", limit, n, want)
		}
		if !s.Enter(2, limit, 0) {
			t.Error("another user has none")
		}
		s.Leave(1)
		if !s.Enter(1, limit, 0) || s.Enter(1, limit, 0) {
			t.Error("one request left, and not exactly one more was admitted")
		}
		for range want {
			s.Leave(1)
		}
		s.Leave(2)
		if len(s.users) != 0 {
			t.Errorf("all have left, and %d users are remembered", len(s.users))
		}
	}
}

func TestShareWithoutALimit(t *testing.T) {
	var s Share
	for range 10_000 {
		if !s.Enter(1, -1, 0) {
			t.Fatal("refused")
		}
	}
}

// flood admits requests of one user until one is refused, and returns how many are in
// flight then.
func flood(l *Limiter, s *Share, user int64) int {
	for s.Enter(user, l.Limit(Sheddable), l.Spare(Sheddable)) && l.Enter(Sheddable) == Admitted {
	}
	return l.InFlight()
}

func TestLoneUserHasAllButOneShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := New(Config{Most: 1024, Target: target}), new(Share)
		if n := flood(l, s, 1); n != first-smallestShare {
			t.Errorf("a lone user has %d places of %d, want all but %d", n, first, smallestShare)
		}
		if n := flood(l, s, 2); n != first {
			t.Errorf("with another user %d are in flight, want %d", n, first)
		}
	})
}

// After a refusal, others want a place, because they will come again.
func TestUserKeepsToTheShareWhileOthersWant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := New(Config{Most: 128, Target: target}), new(Share)
		for l.Enter(Normal) == Admitted {
		}
		const others = 10
		for l.InFlight() > others {
			l.Leave(Normal)
		}
		if n := flood(l, s, 1) - others; n != smallestShare {
			t.Errorf("right after a refusal, one user has %d places, want %d", n, smallestShare)
		}
		time.Sleep(soonest)
		if n := flood(l, s, 1); n != first-smallestShare {
			t.Errorf("a second later, %d places are in use, want %d", n, first-smallestShare)
		}
	})
}

func TestWaitingRequestLeavesNothingToSpare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Most: 1024, Target: target})
		for l.Enter(Login) == Admitted {
		}
		time.Sleep(soonest)
		if n := l.Spare(Critical); n <= 0 {
			t.Errorf("%d places are left, want some", n)
		}
		go l.Wait(t.Context(), Login, 0, time.Second)
		synctest.Wait()
		if n := l.Spare(Critical); n != 0 {
			t.Errorf("%d places are left while a request waits", n)
		}
		l.Leave(Login)
	})
}
