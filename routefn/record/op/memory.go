package op

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/routefn/record/servers"
)

const (
	// filledFor is for how long an answer of Filled is used again.
	filledFor = 5 * time.Second
	// filledTime is how long the collector of metrics waits for the store.
	filledTime = time.Second
)

// filling is what Filled returned last.
type filling struct {
	part float64
	at   time.Time
}

// Filled returns which part of its maxmemory the fullest master uses: 1 is full. It is
// zero if no master has a maxmemory. An answer is used again for five seconds. The
// error is ErrUnavailable.
func (d *DB) Filled(ctx context.Context) (float64, error) {
	if last := d.filling.Load(); last != nil && time.Since(last.at) < filledFor {
		return last.part, nil
	}
	var mu sync.Mutex
	var fullest float64
	err := d.Topology.Each(ctx, func(ctx context.Context, c *redis.Client) error {
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
		return 0, fmt.Errorf("ask store for its memory: %w", Classify(err, false))
	}
	d.filling.Store(&filling{fullest, time.Now()})
	return fullest, nil
}

// filled reads an answer to INFO memory.
func filled(info string) float64 {
	used, _ := strconv.ParseFloat(servers.InfoField(info, "used_memory"), 64)
	most, _ := strconv.ParseFloat(servers.InfoField(info, "maxmemory"), 64)
	if most <= 0 {
		return 0
	}
	return used / most
}

// registerFilled registers a gauge that asks the store when it is collected. While the
// store does not answer, the gauge keeps its last value.
func (d *DB) registerFilled(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "cim_store_memory_filled_ratio",
		Help: "Used memory of the fullest master, as a part of its maxmemory; 0 without a maxmemory. At 1 the store refuses messages.",
	}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), filledTime)
		defer cancel()
		part, err := d.Filled(ctx)
		if last := d.filling.Load(); err != nil && last != nil {
			part = last.part
		}
		return part
	})
	if err := r.Register(gauge); err != nil {
		return fmt.Errorf("register metrics of the store: %w", err)
	}
	return nil
}
