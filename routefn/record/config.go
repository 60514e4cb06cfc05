package record

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config says which store to use and how. Only URL is needed.
type Config struct {
	// URL names the store:
	//
	//	redis://user:password@host:6379/0      one server; rediss:// for TLS
	//	redis+sentinel://host:26379,host2:26379/mymaster?db=0
	//	redis+cluster://host:7000,host2:7001   rediss+cluster:// for TLS
	URL string
	// Password is the user's, for those who keep it apart from the URL; empty: the
	// URL's.
	Password string

	PoolSize    int           // connections per server at most; zero: 10 per CPU
	MinIdle     int           // idle connections kept a server; zero: none
	DialTimeout time.Duration // zero: 1 s
	ReadTimeout time.Duration // of a read or a write; zero: 2 s. A context's earlier deadline wins
	MaxIdleTime time.Duration // an idle connection is closed after it; zero: 5 min

	// ProbeIdle is the pause after which a connection is asked for a sign of life
	// before it is used again: for a function, whose connections die unnoticed while
	// it is frozen. Zero: never. See probed.
	ProbeIdle time.Duration

	// Replicas is how many replicas must have a message before it is accepted;
	// zero: none, it is once the primary has it. Fewer within ReplicaTimeout, and
	// its outcome is unknown. Nor is it shown before, by whatever read.
	Replicas       int
	ReplicaTimeout time.Duration // less than ReadTimeout; zero: half of it

	Retention Retention
	Devices   int // of a user that are known; zero: 32

	// AllowEmbedded accepts a store that does not tell its eviction policy, which
	// is what the one of package embedded does. It is for tests and for a cluster
	// on one machine.
	AllowEmbedded bool

	// Now is the wall clock of the process; nil: time.Now. Nothing that is stored has
	// its time from it. It shows that the process stood still, see clock, keeps what
	// only the store takes for old, see trim, and is where ids of accounts begin.
	Now        func() time.Time
	Logger     *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // nil: no metrics

	generation *generation // of the connections; made by withDefaults
}

// withDefaults fills what is zero.
func (c Config) withDefaults() Config {
	c.DialTimeout = orDefault(c.DialTimeout, time.Second)
	c.ReadTimeout = orDefault(c.ReadTimeout, 2*time.Second)
	c.ReplicaTimeout = orDefault(c.ReplicaTimeout, c.ReadTimeout/2)
	c.MaxIdleTime = orDefault(c.MaxIdleTime, 5*time.Minute)
	c.Retention.Count = orDefault(c.Retention.Count, 10_000)
	c.Retention.Age = orDefault(c.Retention.Age, (14 * 24 * time.Hour).Milliseconds())
	c.Devices = orDefault(c.Devices, 32)
	c.generation = new(generation)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// check finds what would make every append fail.
func (c Config) check() error {
	switch {
	case c.Devices < 1:
		return fmt.Errorf("a user cannot have %d devices", c.Devices)
	case c.Replicas < 0:
		return fmt.Errorf("store cannot wait for %d replicas", c.Replicas)
	case c.Replicas > 0 && c.ReplicaTimeout < time.Millisecond:
		return fmt.Errorf("timeout of replicas is %v, WAIT counts milliseconds", c.ReplicaTimeout)
	case c.Replicas > 0 && c.ReplicaTimeout >= c.ReadTimeout:
		return fmt.Errorf("timeout of replicas is %v, must be less than that of reads, %v", c.ReplicaTimeout, c.ReadTimeout)
	}
	return nil
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
