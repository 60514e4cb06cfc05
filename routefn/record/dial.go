package record

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/routefn/record/servers"
)

// Dial connects to the store and checks it. The store must answer. Its user must have
// all the rights in needed. It must not evict keys when its memory is full. If
// Config.Replicas is set, it must have WAIT. The caller closes the Store.
func Dial(ctx context.Context, cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	s, err := newStore(cfg)
	if err != nil {
		return nil, err
	}
	if err := s.check(ctx, cfg.AllowEmbedded); err != nil {
		if servers.Refuses(err) {
			err = fmt.Errorf("%w: %w", ErrUnfit, err)
		}
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// check checks every master for Dial. A server that evicts keys is refused, because it
// would silently lose logs and sessions one by one. check reads INFO for that, because
// managed Redis has no CONFIG.
func (s *Store) check(ctx context.Context, allowEmbedded bool) error {
	return s.topology.Each(ctx, func(ctx context.Context, c *redis.Client) error {
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
		if err != nil && (!servers.Answered(err) || servers.Refuses(err)) {
			return fmt.Errorf("ask store for its memory by INFO: %w", classify(err, false))
		}
		switch policy := servers.InfoField(info, "maxmemory_policy"); {
		case policy == "" && allowEmbedded:
			return nil
		case policy == "":
			return fmt.Errorf("%w: it does not report its maxmemory-policy", ErrUnfit)
		case policy != "noeviction":
			return fmt.Errorf("%w: it has maxmemory-policy %s, which loses messages; it must be noeviction", ErrUnfit, policy)
		}
		return s.checkPersistence(ctx, c)
	})
}

// checkReplicas refuses a server that has no WAIT or does not report its replicas, such
// as the embedded store. If the server has too few replicas now, it logs a warning.
func (s *Store) checkReplicas(ctx context.Context, c *redis.Client) error {
	if s.writers == nil {
		return nil
	}
	info, err := c.Info(ctx, "replication").Result()
	if err == nil {
		err = c.Do(ctx, "wait", 0, 1).Err()
	}
	switch {
	case servers.Answered(err):
		return fmt.Errorf("store has no replicas to wait for (an embedded one never has): %w", err)
	case err != nil:
		return fmt.Errorf("ask store for its replicas: %w", classify(err, false))
	}
	have, _ := strconv.Atoi(servers.InfoField(info, "connected_slaves"))
	if have < s.writers.replicas {
		s.log.Warn("store has too few replicas: no message is accepted until there are more",
			"peer", c.Options().Addr, "replicas", have, "want", s.writers.replicas)
	}
	return nil
}

// checkPersistence logs a warning if a primary that restarts may come back empty, or
// without the writes since its last snapshot. Its replicas would then copy that state.
func (s *Store) checkPersistence(ctx context.Context, c *redis.Client) error {
	info, err := c.Info(ctx, "persistence").Result()
	if err != nil {
		return fmt.Errorf("ask store for its persistence: %w", classify(err, false))
	}
	if servers.InfoField(info, "aof_enabled") == "0" {
		s.log.Warn("store has no append-only file: a primary that restarts loses what it accepted, and its replicas follow it", "peer", c.Options().Addr)
	}
	return nil
}
