package up

import (
	"context"
	"path/filepath"

	"github.com/cim-go/cim/routefn/record/embedded"
	"github.com/cim-go/cim/routefn/record/redistest"
)

// startStore starts the store of Config.Redis, or takes the URL of one that runs
// already. Processes that serve a route need its address.
func (c *Cluster) startStore(ctx context.Context) error {
	switch c.config.Redis {
	case "embedded":
		server, err := embedded.Start("127.0.0.1:0")
		if err != nil {
			return err
		}
		c.closers = append(c.closers, server.Close)
		c.store = server.URL()
	case "spawn", "persist":
		return c.startServer(ctx)
	case "sentinel":
		group, err := redistest.NewSecureSentinel(ctx, filepath.Join(c.dir, "redis"), 2, c.tls.redis)
		if err != nil {
			return err
		}
		c.closers = append(c.closers, group.Stop)
		c.store, c.sentinel = group.URL(), group
	case "cluster":
		cluster, err := redistest.NewSecureCluster(ctx, filepath.Join(c.dir, "redis"), 3, c.tls.redis)
		if err != nil {
			return err
		}
		c.closers = append(c.closers, cluster.Stop)
		c.store, c.cluster = cluster.URL(), cluster
	default:
		c.store = c.config.Redis
	}
	return nil
}

// startServer starts a single server.
func (c *Cluster) startServer(ctx context.Context) error {
	config := redistest.Config{Dir: filepath.Join(c.dir, "redis"), TLS: c.tls.redis}
	if c.config.Redis == "persist" {
		config.Persist = true
		// By default the write may wait two seconds for a slow disk: an answer that
		// was given meanwhile would not survive a kill.
		config.Args = []string{"--appendfsync", "always"}
		if err := c.makeClock(ctx); err != nil {
			return err
		}
		config.Clock = c.clock
	}
	server, err := redistest.Redis(ctx, config)
	if err != nil {
		return err
	}
	c.closers = append(c.closers, server.Stop)
	c.store, c.redis = server.URL(), server
	return nil
}

func (c *Cluster) makeClock(ctx context.Context) (err error) {
	if !c.config.Clock {
		return nil
	}
	if c.clock, err = redistest.NewClock(ctx, filepath.Join(c.dir, "clock")); err != nil {
		return err
	}
	c.closers = append(c.closers, func() { _ = c.clock.Close() }) // nothing is read from it any more
	return nil
}

// Store returns the URL of the store.
func (c *Cluster) Store() string { return c.store }

// Redis returns the single server that Start spawned, or nil.
func (c *Cluster) Redis() *redistest.Server { return c.redis }

// Sentinel returns the primary with replicas that Start spawned, or nil.
func (c *Cluster) Sentinel() *redistest.Sentinel { return c.sentinel }

// RedisCluster returns the Redis Cluster that Start spawned, or nil.
func (c *Cluster) RedisCluster() *redistest.Cluster { return c.cluster }

// Primaries returns the servers of the store that take writes, as far as Start spawned
// them; none of another store. It fails while they are not known.
func (c *Cluster) Primaries(ctx context.Context) ([]*redistest.Server, error) {
	switch {
	case c.redis != nil:
		return []*redistest.Server{c.redis}, nil
	case c.sentinel != nil:
		primary, err := c.sentinel.Primary(ctx)
		return []*redistest.Server{primary}, err
	case c.cluster != nil:
		return c.cluster.Masters(ctx)
	}
	return nil, nil
}

// StoresEnded returns the addresses of servers of the store that Start spawned and that do
// not run.
func (c *Cluster) StoresEnded() []string {
	var servers []*redistest.Server
	switch {
	case c.redis != nil:
		servers = append(servers, c.redis)
	case c.sentinel != nil:
		servers = c.sentinel.Servers()
	case c.cluster != nil:
		servers = c.cluster.Servers
	}
	var ended []string
	for _, s := range servers {
		if !s.Running() {
			ended = append(ended, s.Addr())
		}
	}
	return ended
}

// Clock returns the store's clock, or nil if it cannot be set.
func (c *Cluster) Clock() *redistest.Clock { return c.clock }
