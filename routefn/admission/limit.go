package admission

import "time"

const (
	// interval is the shortest window. At 100 answers a second it has ten of them.
	interval = 100 * time.Millisecond
	// first is the limit before the store has said anything. As long as it has never
	// been late the limit doubles in each window, as in TCP's slow start: it is at the
	// default maximum after 600 ms, and a store of 200 a second is not given more in
	// that time than it can do in one of its timeouts.
	first = 64
	// floor is the least limit. Every node has four requests with messages in flight
	// at most, so a few nodes are served whatever else happens.
	floor = 32
	// always is how many requests of those who are connected are let in although others
	// have all the room: the limit has just fallen, and these have not left yet.
	always = floor / 2
	// step is how much the limit grows in a window after that: by 1,000 in six
	// seconds.
	step = 16
)

// A Class says what comes first when not everything can be served.
type Class uint8

// The classes, the one that is refused first on top.
const (
	Backlog   Class = iota // who reads it has waited for long and has much to read: an old page of a log
	Sheddable              // its sender has it and comes again with it: a message over HTTP
	Login                  // nobody is shown anything before it
	Normal                 // those who are connected wait for it: the end of a log, a node's batch
	Critical               // keeps the cluster true: what nodes report and reconcile
	classes
)

// room is how many requests of all classes may be in flight for one more of the
// class to be let in.
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

// window is what happened since the limit was last looked at.
type window struct {
	took    time.Duration
	left    int // requests that ended
	peak    int // of the requests in flight
	answers int // of the store
	late    int // of them, those that took longer than the target
}

// tooLate reports whether the store has too much to do: most of its answers were
// late, and it was not for another reason, which it is with so few in flight.
func (w window) tooLate() bool { return 2*w.late > w.answers && w.peak > floor }

// next returns the limit for the next window; see the package's doc for why.
// starting says that the store has never had too much to do.
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
