package program

import (
	"context"
	"runtime/debug"
	"time"
)

// A burst is over when this many connections came or went, and now hardly any do.
const (
	burst = 2000
	calm  = 50 // a second
)

// keepSmall gives the memory of a burst back when it is over. Logging in leaves
// ten times as much garbage as a connection keeps, and a node that is idle after
// that would not collect it for two minutes, nor give back all of it then.
func (s *server) keepSmall(parts context.Context) error {
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	last, moved := 0, 0
	for {
		select {
		case <-ticks.C:
		case <-parts.Done():
			return nil
		}
		now := s.node.Connections()
		change := max(now-last, last-now)
		last, moved = now, moved+change
		if moved >= burst && change <= calm {
			debug.FreeOSMemory()
			moved = 0
		}
	}
}
