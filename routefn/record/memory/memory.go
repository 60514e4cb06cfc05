// Package memory reads how full the store is.
package memory

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/servers"
)

const (
	// filledFor is how long Filled returns the same answer again.
	filledFor = 5 * time.Second
	// filledTime is how long the collector of metrics waits for the store.
	filledTime = time.Second
)

// Meter reads how full the store is. It is safe for concurrent use.
type Meter struct {
	servers servers.Topology
	last    atomic.Pointer[reading] // nil: there was none
}

// reading is what Filled returned last.
type reading struct {
	part float64
	at   time.Time
}

// New returns a Meter of the store whose servers are in t.
func New(t servers.Topology) *Meter { return &Meter{servers: t} }

// Filled returns how much of its maxmemory the fullest master uses, from 0 to 1 (full).
// It returns zero if no master has a maxmemory. It asks the store at most once in five
// seconds. The error is op.ErrUnavailable.
func (m *Meter) Filled(ctx context.Context) (float64, error) {
	if last := m.last.Load(); last != nil && time.Since(last.at) < filledFor {
		return last.part, nil
	}
	var mu sync.Mutex
	var fullest float64
	err := m.servers.Each(ctx, func(ctx context.Context, c *redis.Client) error {
		info, err := c.Info(ctx, "memory").Result()
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		fullest = max(fullest, filled(info))
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("ask store for its memory: %w", op.Classify(err, false))
	}
	m.last.Store(&reading{fullest, time.Now()})
	return fullest, nil
}

// filled returns the used part of maxmemory from an answer to INFO memory.
func filled(info string) float64 {
	used, _ := strconv.ParseFloat(servers.InfoField(info, "used_memory"), 64)
	most, _ := strconv.ParseFloat(servers.InfoField(info, "maxmemory"), 64)
	if most <= 0 {
		return 0
	}
	return used / most
}

// Register registers a gauge that asks the store when it is collected. While the
// store does not answer, the gauge keeps its last value.
func (m *Meter) Register(r prometheus.Registerer) error {
	gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "cim_store_memory_filled_ratio",
		Help: "Used memory of the fullest master, as a part of its maxmemory; 0 without a maxmemory. At 1 the store refuses messages.",
	}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), filledTime)
		defer cancel()
		part, err := m.Filled(ctx)
		if last := m.last.Load(); err != nil && last != nil {
			part = last.part
		}
		return part
	})
	if err := r.Register(gauge); err != nil {
		return fmt.Errorf("register metrics of the store: %w", err)
	}
	return nil
}
