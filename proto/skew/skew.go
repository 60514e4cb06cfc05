// Package skew tells how far the clocks of other processes are from one's own. Nothing
// is decided by these clocks; but people read them, in logs and at messages, and one
// that is wrong is worth a warning.
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
	// much is the difference that is warned of, and little the one below which the next
	// is another one.
	much, little = 10 * time.Second, 5 * time.Second
	// mostPeers bounds the labels of the metric. Peers that come when they are used up
	// are compared no more.
	mostPeers = 64
	// longest is how long an answer may take to say anything of a clock.
	longest = 5 * time.Second
)

// Clocks are those of the peers of one process. It is safe for concurrent use.
type Clocks struct {
	difference *prometheus.GaugeVec
	log        *slog.Logger

	mu    sync.Mutex
	wrong map[string]bool // by peer: it was warned of, and has not come back since
}

// New makes Clocks without peers. A nil registerer leaves the metric unregistered; those
// with the same one share it.
func New(r prometheus.Registerer, log *slog.Logger) (*Clocks, error) {
	c := &Clocks{log: log, wrong: make(map[string]bool), difference: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "cim_clock_difference_seconds",
		Help: "How far a peer's clock is ahead of this process's, as seen last; below zero: behind.",
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

// Saw takes what a peer's clock showed, in ms since 1970, between two moments of one's
// own wall clock. The difference is the least that explains it.
func (c *Clocks) Saw(peer string, shown int64, asked, answered time.Time) {
	if took := answered.Round(0).Sub(asked.Round(0)); shown == 0 || peer == "" || took < 0 || took > longest {
		return // or the own clock was set in between
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

// difference is how far shown lies outside of two moments, all in ms.
func difference(shown, asked, answered int64) time.Duration {
	return time.Duration(min(shown-asked, 0)+max(shown-answered, 0)) * time.Millisecond
}
