package seed

import "time"

// An instant is a moment by two clocks. A frozen function's monotonic clock may
// stand still, and a wall clock may be set back: an age is the larger of the
// two.
type instant struct {
	mono time.Duration // since the process started
	wall time.Time
}

var started = time.Now()

func now() instant {
	t := time.Now()
	return instant{mono: t.Sub(started), wall: t.Round(0)} // without its monotonic part
}

func (t instant) since(earlier instant) time.Duration {
	return max(t.mono-earlier.mono, t.wall.Sub(earlier.wall))
}
