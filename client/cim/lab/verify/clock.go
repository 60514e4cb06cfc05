package verify

import (
	"context"
	"time"

	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
)

// The run's own clock: a timer of clockTick that comes later than clockLate behind
// its time says that nobody had time to keep a promise meanwhile.
const (
	clockTick = 100 * time.Millisecond
	clockLate = 200 * time.Millisecond
)

// keepTime notes until ctx ends which moments are not to be counted.
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
