package record

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config names the store and sets how to use it. Only URL is needed.
type Config struct {
	// URL names the store:
	//
	//	redis://user:password@host:6379/0      one server; rediss:// for TLS
	//	redis+sentinel://host:26379,host2:26379/mymaster?db=0
	//	redis+cluster://host:7000,host2:7001   rediss+cluster:// for TLS
	//
	// With TLS it may have the options ca, cert and key, which are files, and server_name.
	URL string
	// Password is the user's password, if it is not in the URL. If Password is empty,
	// the URL's password is used.
	Password string

	PoolSize    int           // connections per server at most; zero: 10 per CPU
	MinIdle     int           // idle connections kept a server; zero: none
	DialTimeout time.Duration // zero: 1 s
	ReadTimeout time.Duration // of a read or a write; zero: 2 s. A context's earlier deadline wins
	MaxIdleTime time.Duration // an idle connection is closed after it; zero: 5 min

	// ProbeIdle is the pause after which a connection is probed before it is used again.
	// Connections of a function die unnoticed while it is frozen. Zero: never. See
	// probedConn.
	ProbeIdle time.Duration

	// Replicas is how many replicas must have a message before it is accepted or shown
	// to any reader. With zero, the primary alone is enough. If fewer replicas have it
	// within ReplicaTimeout, its outcome is unknown.
	Replicas       int
	ReplicaTimeout time.Duration // less than ReadTimeout; zero: half of it

	Retention Retention
	Devices   int // of a user that are known; zero: 32

	// AllowEmbedded accepts a store that does not report its eviction policy, such as
	// that of package embedded. It is for tests and for a cluster on one machine.
	AllowEmbedded bool

	// Now is the wall clock of the process; nil means time.Now. No stored time comes
	// from it. It shows that the process stood still (clock). It protects entries that
	// are too old only by the store's clock (trim). Account ids start with it.
	Now        func() time.Time
	Logger     *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // nil: no metrics

	generation *generation // of the connections; made by withDefaults
}

// withDefaults sets the fields that are zero.
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
