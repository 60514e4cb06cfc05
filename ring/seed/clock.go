package seed

import "time"

// An instant is a time by two clocks. The monotonic clock may stop while a function is
// frozen, and the wall clock may be set back. So the age of an instant is the larger
// one of its two ages.
type instant struct {
	mono time.Duration // since the process started
	wall time.Time
}

var started = time.Now()

func now() instant {
	t := time.Now()
	return instant{mono: t.Sub(started), wall: t.Round(0)} // Round(0) removes the monotonic part
}

func (t instant) since(earlier instant) time.Duration {
	return max(t.mono-earlier.mono, t.wall.Sub(earlier.wall))
}
