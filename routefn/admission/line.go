package admission

import (
	"math"
	"time"
)

const (
	// memory is how long the rate of a class remembers.
	memory = 2 * time.Second
	// slowestRate is the rate a second that is assumed at least: a class that was not
	// served lately may be at any time.
	slowestRate = 10
	// early is by how much sooner than its turn a request is told to come: it waits in
	// line for the rest, and the store is not idle if the rate was guessed too low.
	early = 1.5
	// soonest and latest bound when a request is told to come again.
	soonest = time.Second
	latest  = time.Minute
)

// line gives those of a class who are refused a time to come again, each its own:
// who came together does not come again together, and nobody comes in vain.
type line struct {
	rate float64   // served a second, as of at
	at   time.Time // of the last one that was served
	next time.Time // the first time that nobody was told
}

// served counts one that has left.
func (l *line) served(now time.Time) {
	l.rate = l.rateAt(now) + 1/memory.Seconds()
	l.at = now
}

// rateAt is how many a second were served lately.
func (l *line) rateAt(now time.Time) float64 {
	if l.at.IsZero() {
		return 0
	}
	return l.rate * math.Exp(-now.Sub(l.at).Seconds()/memory.Seconds())
}

// slot returns in how long one more is to come again.
func (l *line) slot(now time.Time) time.Duration {
	each := time.Duration(float64(time.Second) / (early * max(slowestRate, l.rateAt(now))))
	if first := now.Add(soonest); l.next.Before(first) {
		l.next = first
	}
	at := l.next
	if at.Sub(now) > latest {
		return latest
	}
	l.next = at.Add(each)
	return at.Sub(now)
}
