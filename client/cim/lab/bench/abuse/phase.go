package abuse

import (
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/attack"
)

// Phase is what was measured in one phase.
type Phase struct {
	Due      int // messages of users
	Missing  int // how many of these the receivers did not get
	ShownP50 time.Duration
	ShownP99 time.Duration
	Home     Logins // from an address that the account knows
	Roaming  Logins // from new addresses
	Memory   map[string]int64
	Attack   attack.Report
	Hashed   int           // how many passwords the route hashed, also those of users
	Late     time.Duration // how late a timer was at most, here or in the generator
}

// Logins has the outcomes of the logins of one account.
type Logins struct {
	Tried, OK int
	P50, P99  time.Duration
}

func (l *logins) read() Logins {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Logins{l.tried, l.ok, l.took.Quantile(0.5), l.took.Quantile(0.99)}
}
