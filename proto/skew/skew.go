// Package skew measures how far the clocks of other processes differ from the clock of
// this process. The system decides nothing by these clocks. But people read their times
// in logs and messages, so a wrong clock causes a warning.
package skew

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// If the difference of a peer is above much, it is logged once. It is logged again
	// only after it was below little.
	much, little = 10 * time.Second, 5 * time.Second
	// mostPeers bounds the labels of the metric. Further peers are not compared.
	mostPeers = 64
	// If a call takes more than longest, the clock in its answer is not compared.
	longest = 5 * time.Second
)

// Clocks compares the clocks of a process's peers. It is safe for concurrent use.
type Clocks struct {
	difference *prometheus.GaugeVec
	log        *slog.Logger

	mu    sync.Mutex
	wrong map[string]bool // the peers about which a warning was logged and whose clocks are still wrong
}

// New returns Clocks without peers. If r is nil, the metric is not registered. Several
// Clocks with the same r share the metric.
func New(r prometheus.Registerer, log *slog.Logger) (*Clocks, error) {
	c := &Clocks{log: log, wrong: make(map[string]bool), difference: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "cim_clock_difference_seconds",
		Help: "How far a peer's clock is ahead of this process's at the last answer; negative: behind.",
	}, []string{"peer"})}
	if r == nil {
		return c, nil
	}
	err := r.Register(c.difference)
	if there, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok { // a node and a route in one process
		c.difference, ok = there.ExistingCollector.(*prometheus.GaugeVec)
		if ok {
			return c, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("register metric of clocks: %w", err)
	}
	return c, nil
}

// Saw compares a peer's clock with this process's wall clock. The parameter shown is the
// peer's time, in ms since 1970. The parameters asked and answered are this process's
// times before and after the call that returned it. Saw uses the smallest difference that
// explains these times.
func (c *Clocks) Saw(peer string, shown int64, asked, answered time.Time) {
	if took := answered.Round(0).Sub(asked.Round(0)); shown == 0 || peer == "" || took < 0 || took > longest {
		return // the call took too long, or this process's clock was set meanwhile
	}
	d := difference(shown, asked.UnixMilli(), answered.UnixMilli())
	c.mu.Lock()
	was, known := c.wrong[peer]
	if !known && len(c.wrong) >= mostPeers {
		c.mu.Unlock()
		return
	}
	is := d.Abs() > much || was && d.Abs() > little
	c.wrong[peer] = is
	c.mu.Unlock()
	c.difference.WithLabelValues(peer).Set(d.Seconds())
	if is && !was {
		c.log.Warn("a clock differs by more than 10 s", "peer", peer, "difference", d)
	}
}

// difference returns how far shown, the time of a peer's clock, is outside the time of
// the call. It is negative if shown is before asked, positive if it is after answered,
// and otherwise 0. The arguments are in ms.
func difference(shown, asked, answered int64) time.Duration {
	return time.Duration(min(shown-asked, 0)+max(shown-answered, 0)) * time.Millisecond
}
