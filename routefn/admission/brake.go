package admission

import (
	"time"

	"github.com/cim-go/cim/routefn/record/recent"
)

const (
	// refusalEvery and refusalBurst are the rate at which refusals of one user cost
	// nothing but their answer. A client that keeps to its Retry-After stays far below it.
	refusalEvery = 100 * time.Millisecond
	refusalBurst = 100
	// longestBrake is the longest wait. It bounds how many requests of a user wait to 20.
	longestBrake = 2 * time.Second
)

// A Brake slows down users whose requests are refused again and again. To refuse a
// request takes the store's time, too. So a user who ignores refusals has its next
// requests wait, and they get their turns ten times per second. A request that is not
// refused costs nothing. The zero Brake is ready for use. It is safe for concurrent use.
type Brake struct {
	users recent.Cache[int64, time.Time] // by when no refusal counts any more
}

// Enter returns how long a request of a user has to wait before it is served. It returns
// false if too many others wait; the time then is that of the next try. Otherwise the
// caller must call Leave after the request.
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

// Leave tells how a request ended: whether Enter had it wait, and whether it was refused.
func (b *Brake) Leave(user int64, now time.Time, waited, refused bool) {
	if waited == refused {
		return
	}
	b.users.Change(user, func(until time.Time) time.Time {
		if waited { // and was not refused
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

// over returns how long it takes until the refusals of a user are within their burst, and
// zero if they are.
func over(until, now time.Time) time.Duration {
	return max(0, until.Sub(now.Add(refusalBurst*refusalEvery)))
}
