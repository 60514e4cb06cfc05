package record

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/clock"
	"github.com/cim-go/cim/routefn/record/recent"
	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/role"
)

// Without this, the library writes to standard error at each dial that fails. The same
// texts also come back as errors.
func init() { redis.SetLogger(new(logging.VoidLogger)) }

// Store stores all data of routes in Redis. It is safe for concurrent use. A call
// blocks until its context ends or the timeouts of Config are over, at the latest. If
// its context ends while it waits for replicas, a goroutine goes on with the batch.
// Close waits for these goroutines. The library has a few more for its connections.
type Store struct {
	topology  servers.Topology
	retention Retention
	limits    limit.Limits
	rules     role.Rules
	devices   int // the most devices of one user
	clock     *clock.Clock
	log       *slog.Logger
	metrics   *metrics
	embedded  bool          // the store may be an embedded one, which ends with its routes
	patience  time.Duration // how long run sends pipelines to one server before it gives up the rest
	writers   *writers      // nil: replicas need not have a message

	// inboxes has the users whose inboxes are known to exist. So both copies of a
	// message may be sent in one round trip. If the store has since lost such an inbox,
	// the sender's copy may be stored before the receiver's. Nothing worse happens.
	inboxes recent.Cache[int64, struct{}]
	// met has hashes of pairs of an account and an address for which Met has called the
	// store. If one is forgotten, Met calls once more.
	met recent.Cache[[sha256.Size]byte, struct{}]
	// budgets has what senders have left of their rates, as far as this Store knows: see
	// rate.go.
	budgets recent.Cache[int64, int64]
	// pairs has senders with users to whom they wrote. newcomers has what senders have left
	// of their rates of new receivers, as budgets has. See meet.go.
	pairs     recent.Cache[pair, struct{}]
	newcomers recent.Cache[int64, int64]
	// noPulls has the times until which the pulls of users are refused, in ms.
	noPulls recent.Cache[int64, int64]
	// starts has where users begin in everyone's log, which never changes: see start.go.
	starts recent.Cache[int64, proto.Position]
	// filling is the latest answer of Filled; nil: there was none.
	filling atomic.Pointer[filling]
	// replicated has the position up to which Config.Replicas are known to have a log.
	replicated recent.Cache[logRef, proto.Position]
}

// newStore returns a Store. It makes no connection.
func newStore(cfg Config) (*Store, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	at, err := servers.Open(cfg.servers())
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, errors.Join(err, at.Close())
	}
	s := &Store{
		topology: at, writers: newWriters(cfg, m), clock: clock.New(cfg.Now),
		retention: cfg.Retention, limits: cfg.Limits, rules: cfg.Rules, devices: cfg.Devices, embedded: cfg.AllowEmbedded, patience: cfg.ReadTimeout / 2, log: cfg.Logger, metrics: m,
	}
	return s, s.registerFilled(cfg.Registerer)
}

// Close closes all connections. Calls in flight fail.
func (s *Store) Close() error {
	err := s.topology.Close()
	if s.writers != nil {
		s.writers.close()
	}
	return err
}

// Ping returns nil if at least one master answers. In a Cluster one is enough, because
// its users can be served.
func (s *Store) Ping(ctx context.Context) error {
	var mu sync.Mutex
	var answers int
	err := s.topology.Each(ctx, func(ctx context.Context, c *redis.Client) error {
		err := c.Ping(ctx).Err()
		for errors.Is(err, servers.ErrDead) { // each such error uses up one dead connection
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
