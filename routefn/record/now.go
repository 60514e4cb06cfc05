package record

import (
	"context"
	"fmt"
)

// Now returns what Clock returns, without ok.
func (s *Store) Now() int64 {
	ms, _ := s.Clock()
	return ms
}

// Clock returns the time of the store in ms since 1970. It uses the store's answers of
// the last minute, and returns zero and false if there were none. It does not block.
func (s *Store) Clock() (ms int64, ok bool) { return s.clock.at(s.clock.moment()) }

// now returns the time of the store in ms since 1970. It sends a request only if
// there was no reading for a minute, or the process stood still. The error is
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
	return clockMs(ask.reply[0]), nil // although the wall clock may have been set again since
}
