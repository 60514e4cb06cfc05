package op

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/cim-go/cim/routefn/record/clock"
	"github.com/cim-go/cim/routefn/record/servers"
)

// Without this, the library writes to standard error at each dial that fails. The same
// texts also come back as errors.
func init() { redis.SetLogger(new(logging.VoidLogger)) }

// DB sends operations to the servers of the store. It is safe for concurrent use. A call
// blocks at the latest until its context ends or the timeouts of Config are over. If the
// context ends while the call waits for replicas, a goroutine goes on with the batch.
// Close waits for these goroutines. The library has a few more for its connections.
type DB struct {
	Topology servers.Topology // where the servers are
	Times    *clock.Clock     // what the DB knows of the servers' clocks
	Embedded bool             // the store may be an embedded one, which ends with its routes

	log      *slog.Logger
	metrics  *metrics
	patience time.Duration // after this time, Run sends a server no further pipeline of a call
	writers  *writers      // nil: replicas need not have a write
}

// Dial connects to the store and checks it. The store must answer, and must not evict
// keys when its memory is full. Its user must have all the rights in needed. If
// Config.Replicas is set, the store must have WAIT. The caller closes the DB.
func Dial(ctx context.Context, cfg Config) (*DB, error) {
	d, err := Open(cfg)
	if err != nil {
		return nil, err
	}
	if err := d.check(ctx); err != nil {
		if servers.Refuses(err) {
			err = fmt.Errorf("%w: %w", ErrUnfit, err)
		}
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Open returns a DB for a store that need not pass the checks of Dial. It makes no
// connection. The caller closes the DB.
func Open(cfg Config) (*DB, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Config.Logger = cfg.Logger
	at, err := servers.Open(cfg.Config)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registerer, cfg.Operations)
	if err != nil {
		return nil, errors.Join(err, at.Close())
	}
	return &DB{
		Topology: at, Times: clock.New(cfg.Now), Embedded: cfg.AllowEmbedded,
		log: cfg.Logger, metrics: m, patience: cfg.ReadTimeout / 2, writers: newWriters(cfg, m),
	}, nil
}

// Close closes all connections. Calls in flight fail.
func (d *DB) Close() error {
	err := d.Topology.Close()
	if d.writers != nil {
		d.writers.close()
	}
	return err
}

// ReadFiles reads the files that the URL names again, for later connections. After an
// error, the earlier content stays in use.
func (d *DB) ReadFiles() error { return d.Topology.ReadFiles() }

// Ping returns nil if at least one master answers. In a Cluster one is enough, because
// its users can be served.
func (d *DB) Ping(ctx context.Context) error {
	var mu sync.Mutex
	var answers int
	err := d.Topology.Each(ctx, func(ctx context.Context, c *redis.Client) error {
		err := c.Ping(ctx).Err()
		for errors.Is(err, servers.ErrDead) { // each such error removes one dead connection from the pool
			err = c.Ping(ctx).Err()
		}
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			answers++
		}
		return err
	})
	if answers > 0 {
		return nil
	}
	return fmt.Errorf("ping store: %w", Classify(err, false))
}
