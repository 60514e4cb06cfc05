package record

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/dedup"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/role"
)

// Config names the store and sets how to use it. Only URL is needed.
type Config struct {
	// URL names the store:
	//
	//	redis://user:password@host:6379/0      one server; rediss:// for TLS
	//	redis+sentinel://host:26379,host2:26379/mymaster?db=0
	//	redis+cluster://host:7000,host2:7001   rediss+cluster:// for TLS
	//
	// With TLS, a URL may have the options ca, cert and key, which are names of files,
	// and server_name.
	URL string
	// If Password is not empty, it replaces the password in URL.
	Password string

	PoolSize    int           // the largest number of connections to one server; zero: 10 per CPU
	MinIdle     int           // idle connections that are kept to each server; zero: none
	DialTimeout time.Duration // zero: 1 s
	ReadTimeout time.Duration // for one read or one write; zero: 2 s. A context may end it earlier
	MaxIdleTime time.Duration // after this time an idle connection is closed; zero: 5 min

	// If a connection was unused for ProbeIdle, its next use probes it first; zero: it is
	// never probed. ProbeIdle is for functions, whose connections die unnoticed while
	// they are frozen. See package servers.
	ProbeIdle time.Duration

	// Replicas is how many replicas must have a message before it is accepted or shown
	// to any reader; zero: the primary alone is enough. If fewer replicas have it
	// within ReplicaTimeout, the sender gets ErrUnknown.
	Replicas       int
	ReplicaTimeout time.Duration // must be less than ReadTimeout; zero: half of it

	Retention Retention
	IDs       dedup.Config // how long ids of messages are remembered
	Limits    limit.Limits // zero: none
	Rules     role.Rules   // zero: nothing depends on a role in the system
	Devices   int          // the largest number of devices of one user; zero: 32

	// AllowEmbedded accepts a store that does not report its eviction policy, such as
	// that of package embedded. It is for tests and for a cluster on one machine.
	AllowEmbedded bool

	// Now is the wall clock of the process; nil: time.Now. No time that is stored in a
	// log comes from it. It is used to notice that the process stood still (package
	// clock). And an entry is removed for its age only if this clock, too, says that it
	// is old enough (trim).
	Now        func() time.Time
	Logger     *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // nil: no metrics
}

// withDefaults sets the fields that are zero, except those that package op sets.
func (c Config) withDefaults() Config {
	c.Retention.Count = orDefault(c.Retention.Count, 10_000)
	c.Retention.Age = orDefault(c.Retention.Age, (14 * 24 * time.Hour).Milliseconds())
	c.Devices = orDefault(c.Devices, 32)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// check returns an error if no session could be opened with the settings.
func (c Config) check() error {
	if c.Devices < 1 {
		return fmt.Errorf("a user cannot have %d devices", c.Devices)
	}
	return c.IDs.Check()
}

// db returns the part of the configuration that package op needs.
func (c Config) db() op.Config {
	return op.Config{
		Config: servers.Config{
			URL: c.URL, Password: c.Password, PoolSize: c.PoolSize, MinIdle: c.MinIdle,
			DialTimeout: c.DialTimeout, ReadTimeout: c.ReadTimeout, MaxIdleTime: c.MaxIdleTime, ProbeIdle: c.ProbeIdle,
		},
		Replicas: c.Replicas, ReplicaTimeout: c.ReplicaTimeout, AllowEmbedded: c.AllowEmbedded,
		Operations: operations, Now: c.Now, Logger: c.Logger, Registerer: c.Registerer,
	}
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
