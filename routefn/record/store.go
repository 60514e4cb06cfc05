package record

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/cim-go/cim/proto"
)

// The library writes to standard error by itself, at each dial that fails. What
// it has to say comes back as an error too.
func init() { redis.SetLogger(new(logging.VoidLogger)) }

// Store is the one door to Redis. It is safe for concurrent use and blocks no
// longer than a call's context and the timeouts of Config say. A call that waits
// for replicas may leave a goroutine behind when its context ends, which Close
// waits for; no other does. The library keeps a few for its connections.
type Store struct {
	door      door
	retention Retention
	devices   int // that are known of a user
	clock     *clock
	log       *slog.Logger
	metrics   *metrics
	embedded  bool          // it may be one that ends with its routes
	patience  time.Duration // of run with a server, before it gives up the rest
	writers   *writers      // nil: the primary's own copy is enough

	// known has inboxes that were seen to be there, so that a message and its
	// sender's own copy may go out in one round trip. Being wrong after the store
	// lost a log costs order between two logs, nothing else.
	known recent[int64, struct{}]
	// replicated has how far Config.Replicas are known to have a log.
	replicated recent[logRef, proto.Position]

	// generation is that of the connections of door.
	generation *generation
}

// Dial connects to the store and checks that it may be used: it answers, its user has
// the rights that are needed, and it
// evicts nothing when its memory is full, and it knows WAIT if replicas are waited
// for. The caller closes the Store.
func Dial(ctx context.Context, cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
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
	s := &Store{
		door: at.open(cfg), generation: cfg.generation, retention: cfg.Retention, devices: cfg.Devices, clock: newClock(cfg.Now), log: cfg.Logger, metrics: m,
		embedded: cfg.AllowEmbedded, patience: cfg.ReadTimeout / 2, writers: newWriters(cfg, m),
	}
	if err := s.check(ctx, cfg.AllowEmbedded); err != nil {
		if refuses(err) {
			err = fmt.Errorf("%w: %w", ErrUnfit, err)
		}
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes all connections. Calls in flight fail.
func (s *Store) Close() error {
	err := s.door.Close()
	if s.writers != nil {
		s.writers.close()
	}
	return err
}

// Ping returns nil if a master answers. In a Cluster one is enough: the users of
// the others are served.
func (s *Store) Ping(ctx context.Context) error {
	var mu sync.Mutex
	var answers int
	err := s.door.each(ctx, func(ctx context.Context, c *redis.Client) error {
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

// check refuses a server that evicts keys: it would lose logs and sessions one by
// one, silently. Managed Redis has no CONFIG, so INFO is asked.
func (s *Store) check(ctx context.Context, allowEmbedded bool) error {
	return s.door.each(ctx, func(ctx context.Context, c *redis.Client) error {
		if err := c.Ping(ctx).Err(); err != nil {
			return fmt.Errorf("ping store: %w", classify(err, false))
		}
		if err := s.checkRights(ctx, c); err != nil {
			return err
		}
		if err := s.checkReplicas(ctx, c); err != nil {
			return err
		}
		info, err := c.Info(ctx, "memory").Result()
		if err != nil && (!answered(err) || refuses(err)) {
			return fmt.Errorf("ask store for its memory by INFO: %w", classify(err, false))
		}
		switch policy := infoField(info, "maxmemory_policy"); {
		case policy == "" && allowEmbedded:
			return nil
		case policy == "":
			return fmt.Errorf("%w: it does not tell its maxmemory-policy", ErrUnfit)
		case policy != "noeviction":
			return fmt.Errorf("%w: it has maxmemory-policy %s, which loses messages; it must be noeviction", ErrUnfit, policy)
		}
		return s.checkPersistence(ctx, c)
	})
}

// checkPersistence warns of a primary that comes back empty, or without what it
// accepted since its last snapshot: what a replica has is then overwritten.
func (s *Store) checkPersistence(ctx context.Context, c *redis.Client) error {
	info, err := c.Info(ctx, "persistence").Result()
	if err != nil {
		return fmt.Errorf("ask store for its persistence: %w", classify(err, false))
	}
	if infoField(info, "aof_enabled") == "0" {
		s.log.Warn("store has no append-only file: a primary that restarts loses what it accepted, and its replicas follow it", "peer", c.Options().Addr)
	}
	return nil
}

// infoField returns a field of INFO's text, or nothing.
func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
