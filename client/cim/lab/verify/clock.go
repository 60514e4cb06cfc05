package verify

import (
	"context"
	"time"

	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
)

// The run checks its own clock. If a timer of clockTick comes more than clockLate too
// late, the machine was too busy. Then no program could keep promises about time
// meanwhile.
const (
	clockTick = 100 * time.Millisecond
	clockLate = 200 * time.Millisecond
)

// keepTime records the moments in which times must not be judged. It runs until ctx ends.
func keepTime(ctx context.Context, book *ledger.Writer) {
	tick := time.NewTicker(clockTick)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		if late := now.Sub(last) - clockTick; late > clockLate {
			book.Write(ledger.Record{Kind: ledger.Stalled, Lasted: late.Microseconds()})
		}
		last = now
	}
}
