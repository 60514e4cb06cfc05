package up

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrNoClock is returned for a process that uses the machine's clock, see Config.Clocks.
var ErrNoClock = errors.New("the clock cannot be set")

// SetClock makes the wall clock of a node or route wrong by the given offset. The clock
// stays wrong after a restart.
func (p *Process) SetClock(offset time.Duration) error {
	if p.clock == "" {
		return fmt.Errorf("%s: %w", p.Name, ErrNoClock)
	}
	// The rename is one step, so the process reads either the old file or the new one.
	next := p.clock + ".next"
	err := os.WriteFile(next, []byte(offset.String()), 0o600)
	if err == nil {
		err = os.Rename(next, p.clock)
	}
	if err != nil {
		return fmt.Errorf("set clock of %s: %w", p.Name, err)
	}
	return nil
}
