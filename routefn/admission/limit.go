package admission

import "time"

const (
	// interval is the shortest time between two changes of the limit. In this time, a
	// store that gives 100 answers per second gives ten answers.
	interval = 100 * time.Millisecond
	// first is the limit at the start. It doubles in each window until the store is late
	// for the first time, as in TCP's slow start. So it reaches the default maximum after
	// 600 ms. During this time, even a store that serves 200 requests per second gets no
	// more requests than it can serve within one time-out.
	first = 64
	// floor is the smallest limit. A node has at most four requests with messages in
	// flight, so a few nodes are always served.
	floor = 32
	// always is how many requests of class Normal are admitted even if other classes use
	// up the limit. They may use it up after a decrease of the limit.
	always = floor / 2
	// more bounds the logins and old pages that are admitted while the store is slow.
	// After a report with n openings, n + more of these requests are admitted.
	more = 4
	// After a report, the next one is expected within the time lasting. A node retries a
	// failed report after at most 4 s.
	lasting = 4 * time.Second
	// step is how much the limit grows per window. So it grows by 1,000 in six seconds.
	step = 16
)

// A Class is the priority of a request.
type Class uint8

// The classes. When a route is overloaded, requests of the first class are refused first.
const (
	Backlog   Class = iota // an old page of a log: its reader has waited for long and has many pages to read
	Sheddable              // a message over HTTP: its sender can retry
	Login                  // a login: its user sees no messages before it
	Normal                 // a request for a connected client: the end of a log, or a node's batch of messages
	Critical               // keeps the cluster consistent: a node's reports and reconciliation
	classes
)

// yields reports whether requests of class c must wait while a report holds their places.
// See Limiter.Hold.
func (c Class) yields() bool { return c == Login || c == Backlog }

// room returns the bound for class c. A request of the class is admitted while the
// requests in flight, of all classes together, are below the bound. The parameter limit
// is the present limit, and most is its absolute maximum.
func room(c Class, limit, most int) int {
	switch c {
	case Backlog:
		return min(limit-limit/4, most-most/2)
	case Sheddable:
		return min(limit, most-most/4)
	case Login:
		return min(limit+limit/4, most-most*3/16)
	case Normal:
		return min(limit+limit/2, most-most/8)
	default:
		return most
	}
}

// window has the counts since the limit was last adapted.
type window struct {
	took    time.Duration
	left    int // requests that ended
	peak    int // the largest number of requests that were in flight at a time
	answers int // answers of the store
	late    int // answers that took longer than the target
}

// tooLate reports whether the store is overloaded, because most of its answers were late.
// If there were at most floor requests in flight, it returns false, because so few
// requests cannot make answers late.
func (w window) tooLate() bool { return 2*w.late > w.answers && w.peak > floor }

// next returns the limit for the next window, by AIMD with the decrease of TCP
// Westwood. See doc.go. The parameter starting is true if the store was never
// overloaded.
func next(limit, most int, starting bool, target time.Duration, w window) int {
	switch {
	case w.answers == 0 || w.took <= 0:
		return limit
	case w.tooLate():
		busy := float64(w.left) / w.took.Seconds() * target.Seconds()
		return max(floor, min(limit, int(0.9*busy)))
	case 2*w.late > w.answers || 2*w.peak <= limit:
		return limit
	case starting:
		return min(2*limit, most)
	default:
		return min(limit+step, most)
	}
}
