package record

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/cim-go/cim/proto"
)

// The library writes to standard error by itself, at each dial that fails. Its messages
// come back as errors too.
func init() { redis.SetLogger(new(logging.VoidLogger)) }

// Store stores all data of routes in Redis. It is safe for concurrent use. A call
// blocks no longer than its context and the timeouts of Config allow. A call that
// waits for replicas may leave a goroutine behind when its context ends. Close waits
// for these goroutines. The library keeps a few more for its connections.
type Store struct {
	topology  topology
	retention Retention
	devices   int // that are known of a user
	clock     *clock
	log       *slog.Logger
	metrics   *metrics
	embedded  bool          // it may be one that ends with its routes
	patience  time.Duration // of run with a server, before it gives up the rest
	writers   *writers      // nil: the primary's own copy is enough

	// inboxes has the inboxes that are known to exist, so that a message and its
	// sender's own copy may go out in one round trip. If the store has lost one of
	// them, only the order between two logs suffers.
	inboxes recent[int64, struct{}]
	// met has the accounts and addresses of Met, by hash. To forget one costs a call.
	met recent[[sha256.Size]byte, struct{}]
	// replicated has how far Config.Replicas are known to have a log.
	replicated recent[logRef, proto.Position]

	// generation is that of the connections of topology.
	generation *generation
}

// newStore returns a Store without dialling.
func newStore(cfg Config) (*Store, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	at, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	if cfg.Password != "" {
		at.password = cfg.Password
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	return &Store{
		topology: at.open(cfg), generation: cfg.generation, writers: newWriters(cfg, m), clock: newClock(cfg.Now),
		retention: cfg.Retention, devices: cfg.Devices, embedded: cfg.AllowEmbedded, patience: cfg.ReadTimeout / 2, log: cfg.Logger, metrics: m,
	}, nil
}

// Close closes all connections. Calls in flight fail.
func (s *Store) Close() error {
	err := s.topology.Close()
	if s.writers != nil {
		s.writers.close()
	}
	return err
}

// Ping returns nil if a master answers. In a Cluster one is enough, because users on
// other masters are still served.
func (s *Store) Ping(ctx context.Context) error {
	var mu sync.Mutex
	var answers int
	err := s.topology.each(ctx, func(ctx context.Context, c *redis.Client) error {
		err := c.Ping(ctx).Err()
		for errors.Is(err, errDead) { // each time with one connection less
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
	return fmt.Errorf("ping store: %w", classify(err, false))
}
