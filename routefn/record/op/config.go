package op

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/routefn/record/servers"
)

// Config names the store and sets how to reach it. Only URL is needed. The fields are
// those of record.Config, which explains them.
type Config struct {
	servers.Config // times that are zero get defaults: 1 s to dial, 2 s to read or write, 5 min of idleness

	Replicas       int           // zero: the primary alone is enough
	ReplicaTimeout time.Duration // zero: half of ReadTimeout

	// AllowEmbedded accepts a store that does not report its eviction policy.
	AllowEmbedded bool

	// Operations has the names of calls to Run and Accept, which metrics show from the
	// beginning.
	Operations []string

	Now        func() time.Time      // wall clock of the process; nil: time.Now
	Logger     *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // nil: no metrics
}

// withDefaults sets the fields that are zero.
func (c Config) withDefaults() Config {
	c.DialTimeout = orDefault(c.DialTimeout, time.Second)
	c.ReadTimeout = orDefault(c.ReadTimeout, 2*time.Second)
	c.ReplicaTimeout = orDefault(c.ReplicaTimeout, c.ReadTimeout/2)
	c.MaxIdleTime = orDefault(c.MaxIdleTime, 5*time.Minute)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// check returns an error if the settings would let no write be accepted.
func (c Config) check() error {
	switch {
	case c.Replicas < 0:
		return fmt.Errorf("store cannot wait for %d replicas", c.Replicas)
	case c.Replicas > 0 && c.ReplicaTimeout < time.Millisecond:
		return fmt.Errorf("timeout of replicas is %v, must be at least 1ms", c.ReplicaTimeout)
	case c.Replicas > 0 && c.ReplicaTimeout >= c.ReadTimeout:
		return fmt.Errorf("timeout of replicas is %v, must be less than that of reads, %v", c.ReplicaTimeout, c.ReadTimeout)
	}
	return nil
}

func orDefault(value, fallback time.Duration) time.Duration {
	if value == 0 {
		return fallback
	}
	return value
}
