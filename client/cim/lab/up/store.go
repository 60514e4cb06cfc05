package up

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/cim-go/cim/routefn/record/embedded"
	"github.com/cim-go/cim/routefn/record/redistest"
)

// startStore starts the store of Config.Redis, or takes the URL of a store that runs
// already. A store that it starts has a random password. Processes that serve a route need
// the store's address, and a file with its password.
func (c *Cluster) startStore(ctx context.Context) error {
	c.password = rand.Text()
	switch c.config.Redis {
	case "embedded":
		server, err := embedded.StartLocked("127.0.0.1:0", c.password)
		if err != nil {
			return err
		}
		c.closers = append(c.closers, server.Close)
		c.store = server.URL()
	case "spawn", "persist":
		if err := c.startServer(ctx); err != nil {
			return err
		}
	case "sentinel":
		group, err := redistest.NewSecureSentinel(ctx, filepath.Join(c.dir, "redis"), 2, c.tls.redis, c.password)
		if err != nil {
			return err
		}
		c.closers = append(c.closers, group.Stop)
		c.store, c.sentinel = group.URL(), group
	case "cluster":
		cluster, err := redistest.NewSecureCluster(ctx, filepath.Join(c.dir, "redis"), 3, c.tls.redis, c.password)
		if err != nil {
			return err
		}
		c.closers = append(c.closers, cluster.Stop)
		c.store, c.cluster = cluster.URL(), cluster
	default:
		c.store = c.config.Redis
		_, c.password = splitPassword(c.store)
	}
	return c.leavePassword()
}

// leavePassword puts the store's password, if it has one, into a file for routes. A flag
// would be visible in any list of processes.
func (c *Cluster) leavePassword() error {
	if c.password == "" {
		return nil
	}
	if err := os.WriteFile(c.passwordFile(), []byte(c.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("leave password of the store: %w", err)
	}
	return nil
}

func (c *Cluster) passwordFile() string { return filepath.Join(c.dir, "redis.password") }

// splitPassword returns the URL of a store without its password, and the password. A URL
// that cannot be parsed is returned unchanged, and the program that gets the URL will
// refuse it.
func splitPassword(store string) (bare, password string) {
	scheme, rest, ok := strings.Cut(store, "://")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	at := strings.LastIndex(rest[:end], "@")
	if !ok || at < 0 {
		return store, ""
	}
	user, text, _ := strings.Cut(rest[:at], ":")
	password, err := url.PathUnescape(text)
	if err != nil {
		return store, ""
	}
	if user != "" {
		user += "@"
	}
	return scheme + "://" + user + rest[at+1:], password
}

// startServer starts a single server.
func (c *Cluster) startServer(ctx context.Context) error {
	config := redistest.Config{Dir: filepath.Join(c.dir, "redis"), TLS: c.tls.redis, Password: c.password}
	if c.config.Redis == "persist" {
		config.Persist = true
		// By default, a write to a slow disk may be delayed by two seconds. Data that the
		// server acknowledged during the delay would not survive a kill.
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
	c.closers = append(c.closers, func() { _ = c.clock.Close() }) // no process uses the clock any more
	return nil
}

// Store returns the URL of the store. It contains the password, so pass StoreFlags to
// programs instead.
func (c *Cluster) Store() string { return c.store }

// StoreFlags returns the flags with which a program that serves a route connects to the
// store. They do not contain the password.
func (c *Cluster) StoreFlags() []string {
	bare, _ := splitPassword(c.store)
	flags := []string{"-redis", bare}
	if c.password != "" {
		flags = append(flags, "-redis-password", "file:"+c.passwordFile())
	}
	return flags
}

// Redis returns the single server that Start spawned, or nil.
func (c *Cluster) Redis() *redistest.Server { return c.redis }

// Sentinel returns the primary with replicas that Start spawned, or nil.
func (c *Cluster) Sentinel() *redistest.Sentinel { return c.sentinel }

// RedisCluster returns the Redis Cluster that Start spawned, or nil.
func (c *Cluster) RedisCluster() *redistest.Cluster { return c.cluster }

// Primaries returns the servers of the store that accept writes. If Start has not started
// the store, it returns none. While it is not known which servers accept writes, it
// returns an error.
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

// StoresEnded returns the addresses of the store's servers that Start has started and that
// have ended.
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
