package record

import (
	"context"
	"fmt"
)

// Now returns the time that Clock returns, which is zero if no reading counts.
func (s *Store) Now() int64 {
	ms, _ := s.Clock()
	return ms
}

// Clock returns the time of the store in ms since 1970. It computes it from readings of
// the servers' clocks in the last minute, and returns zero and false if there are none.
// It does not block.
func (s *Store) Clock() (ms int64, ok bool) { return s.clock.At(s.clock.Moment()) }

// now returns the time of the store in ms since 1970. It asks the store only if no
// reading counts: there was none for a minute, or the process stood still. The error is
// ErrUnavailable.
func (s *Store) now(ctx context.Context) (int64, error) {
	if ms, ok := s.Clock(); ok {
		return ms, nil
	}
	ask := readOf(routeKey, askTime)
	s.run(ctx, "clock", ask)
	if ask.err != nil {
		return 0, fmt.Errorf("ask store for its time: %w", ask.err)
	}
	return clockMs(ask.reply[0]), nil // this answer counts, even if the wall clock was set meanwhile
}
