package op

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/routefn/record/servers"
)

// check checks every master for Dial. It refuses a server that evicts keys, because such
// a server would silently lose logs and sessions one by one. It reads the eviction policy
// by INFO, because managed Redis has no CONFIG.
func (d *DB) check(ctx context.Context) error {
	return d.Topology.Each(ctx, func(ctx context.Context, c *redis.Client) error {
		if err := c.Ping(ctx).Err(); err != nil {
			return fmt.Errorf("ping store: %w", Classify(err, false))
		}
		if err := d.checkRights(ctx, c); err != nil {
			return err
		}
		if err := d.checkReplicas(ctx, c); err != nil {
			return err
		}
		info, err := c.Info(ctx, "memory").Result()
		if err != nil && (!servers.Answered(err) || servers.Refuses(err)) {
			return fmt.Errorf("ask store for its memory by INFO: %w", Classify(err, false))
		}
		switch policy := servers.InfoField(info, "maxmemory_policy"); {
		case policy == "" && d.Embedded:
			return nil
		case policy == "":
			return fmt.Errorf("%w: it does not report its maxmemory-policy", ErrUnfit)
		case policy != "noeviction":
			return fmt.Errorf("%w: it has maxmemory-policy %s, which loses messages; it must be noeviction", ErrUnfit, policy)
		}
		return d.checkPersistence(ctx, c)
	})
}

// checkReplicas refuses a server that has no WAIT or does not report its replicas, such
// as the embedded store. If the server has too few replicas now, it logs a warning.
func (d *DB) checkReplicas(ctx context.Context, c *redis.Client) error {
	if d.writers == nil {
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
		return fmt.Errorf("ask store for its replicas: %w", Classify(err, false))
	}
	have, _ := strconv.Atoi(servers.InfoField(info, "connected_slaves"))
	if have < d.writers.replicas {
		d.log.Warn("store has too few replicas: no message is accepted until there are more",
			"peer", c.Options().Addr, "replicas", have, "want", d.writers.replicas)
	}
	return nil
}

// checkPersistence logs a warning if a primary that restarts may come back empty, or
// without the writes since its last snapshot. Its replicas would then copy that state.
func (d *DB) checkPersistence(ctx context.Context, c *redis.Client) error {
	info, err := c.Info(ctx, "persistence").Result()
	if err != nil {
		return fmt.Errorf("ask store for its persistence: %w", Classify(err, false))
	}
	if servers.InfoField(info, "aof_enabled") == "0" {
		d.log.Warn("store has no append-only file: a primary that restarts loses what it accepted, and its replicas follow it", "peer", c.Options().Addr)
	}
	return nil
}
