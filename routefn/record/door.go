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

// door is the way to the server that holds a key.
type door interface {
	// master returns the client of the server that holds key. Its error means
	// that nothing was sent.
	master(ctx context.Context, key string) (*redis.Client, error)
	// redirected returns the client of a server that another one named, and takes
	// note that the map of keys to servers is old.
	redirected(ctx context.Context, addr string) *redis.Client
	// each calls f for every master, perhaps at once, and returns the first error.
	each(ctx context.Context, f func(context.Context, *redis.Client) error) error
	// single says that every key is on one server.
	single() bool
	Close() error
}

// server is the door to one server, or to the master that Sentinel names.
type server struct{ *redis.Client }

func (s server) master(context.Context, string) (*redis.Client, error) { return s.Client, nil }
func (s server) redirected(context.Context, string) *redis.Client      { return s.Client }
func (s server) single() bool                                          { return true }
func (s server) each(ctx context.Context, f func(context.Context, *redis.Client) error) error {
	return f(ctx, s.Client)
}

// dialing marks what fails while the library looks for the primary: Sentinel's
// answers and failures look like those of the store, and nothing was sent.
type dialing struct{}

// DialHook implements redis.Hook.
func (dialing) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		if err != nil {
			// Only its text: the library takes an error that has a server's answer in it,
			// such as Sentinel's "nil" for a name that it does not know, for the answer to
			// a pipeline, and reports none.
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

// cluster is the door to a Redis Cluster. The library keeps the map of slots;
// redirects are followed here, because the library would also repeat what it
// does not know the outcome of.
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
	if client := c.known(ctx, addr); client != nil {
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

// known returns the library's client of a master, so that there is one pool of
// connections to it; nil if it has none.
func (c *cluster) known(ctx context.Context, addr string) *redis.Client {
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
