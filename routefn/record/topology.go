package record

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// topology knows which server holds a key.
type topology interface {
	// master returns the client of the server that holds key. After an error nothing
	// was sent.
	master(ctx context.Context, key string) (*redis.Client, error)
	// redirected returns the client of the server at addr, which another server named
	// in a redirect. It also notes that the map of keys to servers is outdated.
	redirected(ctx context.Context, addr string) *redis.Client
	// each calls f for every master, perhaps concurrently, and returns the first error.
	each(ctx context.Context, f func(context.Context, *redis.Client) error) error
	// single reports whether every key is on one server.
	single() bool
	Close() error
}

// server is the topology of one server, or of the master that Sentinel names.
type server struct{ *redis.Client }

func (s server) master(context.Context, string) (*redis.Client, error) { return s.Client, nil }
func (s server) redirected(context.Context, string) *redis.Client      { return s.Client }
func (s server) single() bool                                          { return true }
func (s server) each(ctx context.Context, f func(context.Context, *redis.Client) error) error {
	return f(ctx, s.Client)
}

// dialing is a hook that makes every failed dial an errUnsent. While the library
// searches for the primary, it gets answers and errors of Sentinel. They look like
// those of the store, but nothing was sent to the store.
type dialing struct{}

// DialHook implements redis.Hook.
func (dialing) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		if err != nil {
			// The new error has only the text of err, and does not wrap err. Otherwise
			// the library could take err, such as Sentinel's "nil" for an unknown name,
			// for the answer to a pipeline, and report no error.
			return nil, fmt.Errorf("%w: %v", errUnsent, err)
		}
		return conn, nil
	}
}

// ProcessHook implements redis.Hook.
func (dialing) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

// ProcessPipelineHook implements redis.Hook.
func (dialing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// cluster is the topology of a Redis Cluster. The library keeps the map of slots.
// This package follows redirects itself, because the library would also repeat
// commands whose outcome is unknown.
type cluster struct {
	*redis.ClusterClient
	options func(addr string) *redis.Options

	mu     sync.Mutex
	others map[string]*redis.Client // by address, of servers that redirects named
}

func (c *cluster) master(ctx context.Context, key string) (*redis.Client, error) {
	return c.MasterForKey(ctx, key)
}

func (c *cluster) redirected(ctx context.Context, addr string) *redis.Client {
	c.ReloadState(ctx)
	if client := c.masterAt(ctx, addr); client != nil {
		return client
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	client := c.others[addr]
	if client == nil {
		client = redis.NewClient(c.options(addr))
		c.others[addr] = client
	}
	return client
}

// masterAt returns the library's client of the master at addr, or nil if the library
// has none. Using that client avoids a second pool of connections to the master.
func (c *cluster) masterAt(ctx context.Context, addr string) *redis.Client {
	var found atomic.Pointer[redis.Client]
	_ = c.ForEachMaster(ctx, func(_ context.Context, client *redis.Client) error {
		if client.Options().Addr == addr {
			found.Store(client)
		}
		return nil
	})
	return found.Load()
}

func (c *cluster) single() bool { return false }

func (c *cluster) each(ctx context.Context, f func(context.Context, *redis.Client) error) error {
	return c.ForEachMaster(ctx, f)
}

func (c *cluster) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.ClusterClient.Close()
	for _, client := range c.others {
		err = errors.Join(err, client.Close())
	}
	clear(c.others)
	return err
}
