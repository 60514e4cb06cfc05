package admission

import (
	"math"
	"time"
)

const (
	// memory is the time constant over which the rate of a class is averaged.
	memory = 2 * time.Second
	// slowestRate is the lowest rate, in requests per second, from which retry times
	// are computed. A class that was not served lately has a measured rate near zero,
	// but may be served soon.
	slowestRate = 10
	// early is the factor by which the rate of scheduled retries is above the measured
	// rate. So some retries wait in the queue, and the store does not idle if the rate was
	// estimated too low.
	early = 1.5
	// soonest and latest bound the time until a retry.
	soonest = time.Second
	latest  = time.Minute
)

// line assigns retry times to the refused requests of a class. Each request gets a
// different time, so that requests which came together do not retry together.
type line struct {
	rate float64   // requests served per second, as measured at the time in at
	at   time.Time // when the last request was served
	next time.Time // the earliest retry time that was not assigned yet
}

// served counts a request that has left.
func (l *line) served(now time.Time) {
	l.rate = l.rateAt(now) + 1/memory.Seconds()
	l.at = now
}

// rateAt returns how many requests per second were served lately.
func (l *line) rateAt(now time.Time) float64 {
	if l.at.IsZero() {
		return 0
	}
	return l.rate * math.Exp(-now.Sub(l.at).Seconds()/memory.Seconds())
}

// slot assigns a retry time to one refused request, and returns the time from now until
// then.
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
