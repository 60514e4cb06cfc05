package redistest

import (
	"strconv"
	"testing"
	"time"
)

func TestClockOfAServerJumps(t *testing.T) {
	clock, err := NewClock(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer clock.Close()
	s, err := Redis(t.Context(), Config{Dir: t.TempDir(), Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	for _, offset := range []time.Duration{0, time.Hour, -time.Hour, 0} {
		if err := clock.Set(offset); err != nil {
			t.Fatal(err)
		}
		// The first command may get the time at which the server's present loop began.
		_ = s.ask(t.Context(), "ping").Err()
		told, err := s.ask(t.Context(), "time").StringSlice()
		if err != nil {
			t.Fatal(err)
		}
		seconds, _ := strconv.ParseInt(told[0], 10, 64)
		if wrong := time.Until(time.Unix(seconds, 0)) - offset; wrong.Abs() > 5*time.Second {
			t.Errorf("offset %v: it is wrong by %v more", offset, wrong)
		}
	}
}
