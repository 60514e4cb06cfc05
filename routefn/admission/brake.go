package admission

import (
	"time"

	"github.com/cim-go/cim/routefn/record/recent"
)

const (
	// refusalEvery and refusalBurst are the highest rate of refusals at which a user is
	// not slowed down. A client that keeps to its Retry-After stays far below this rate.
	refusalEvery = 100 * time.Millisecond
	refusalBurst = 100
	// longestBrake is the longest wait. So at most 20 requests of a user wait.
	longestBrake = 2 * time.Second
)

// A Brake slows down users whose requests are refused again and again. The reason is that
// a refusal takes the store's time, too. The next requests of a user who ignores refusals
// wait, and are served at ten per second. Requests that are not refused do not slow a user
// down. The zero Brake is ready for use. It is safe for concurrent use.
type Brake struct {
	users recent.Cache[int64, time.Time] // the time at which the user's refusals stop counting
}

// Enter returns how long a request of a user has to wait before it is served. When the
// request has ended, the caller must call Leave. If too many requests of the user wait,
// Enter returns false and the time until the next try.
func (b *Brake) Enter(user int64, now time.Time) (wait time.Duration, ok bool) {
	if b.Waits(user, now) == 0 {
		return 0, true
	}
	b.users.Change(user, func(until time.Time) time.Time {
		wait = over(until, now)
		if ok = wait <= longestBrake; !ok || wait == 0 {
			return until
		}
		return until.Add(refusalEvery)
	})
	return wait, ok
}

// Leave records that a request has ended. The parameters waited and refused tell whether
// it had to wait and whether it was refused.
func (b *Brake) Leave(user int64, now time.Time, waited, refused bool) {
	if waited == refused {
		return
	}
	b.users.Change(user, func(until time.Time) time.Time {
		if waited { // the request waited, and was not refused
			return until.Add(-refusalEvery)
		}
		if until.Before(now) {
			until = now
		}
		return until.Add(refusalEvery)
	})
}

// Waits returns how long the next request of a user would wait.
func (b *Brake) Waits(user int64, now time.Time) time.Duration {
	until, _ := b.users.Get(user)
	return over(until, now)
}

// over returns the time until the refusals of a user are within refusalBurst, or zero if
// they are within it now.
func over(until, now time.Time) time.Duration {
	return max(0, until.Sub(now.Add(refusalBurst*refusalEvery)))
}
