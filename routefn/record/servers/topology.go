package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// Topology knows which server holds a key. It is safe for concurrent use.
type Topology interface {
	// Master returns the client of the server that holds key. After an error nothing
	// was sent.
	Master(ctx context.Context, key string) (*redis.Client, error)
	// Redirected returns the client of the server at addr, which another server named
	// in a redirect. It also notes that the map of keys to servers is outdated.
	Redirected(ctx context.Context, addr string) *redis.Client
	// Each calls f for every master, perhaps concurrently, and returns the first error.
	Each(ctx context.Context, f func(context.Context, *redis.Client) error) error
	// Single reports whether every key is on one server.
	Single() bool
	// Retire marks all present connections. Each of them is then replaced before the next
	// write to it. Retire does nothing if it was called within the last second.
	Retire()
	// ReadFiles reads the files that the URL names again, for later connections. After an
	// error, the earlier content stays in use.
	ReadFiles() error
	// Close closes all connections. Calls in flight fail.
	Close() error
}

// One is the topology of one server, or of the master that Sentinel names.
type One struct {
	*redis.Client
	*generation
	*secure
}

// Master implements Topology.
func (s One) Master(context.Context, string) (*redis.Client, error) { return s.Client, nil }

// Redirected implements Topology.
func (s One) Redirected(context.Context, string) *redis.Client { return s.Client }

// Single implements Topology.
func (s One) Single() bool { return true }

// Each implements Topology.
func (s One) Each(ctx context.Context, f func(context.Context, *redis.Client) error) error {
	return f(ctx, s.Client)
}

// dialing is a hook that turns the error of a failed dial into an ErrUnsent. While the
// library searches for the primary, it gets answers and errors from Sentinel. They look
// like those of the store, but nothing was sent to the store.
type dialing struct{}

// DialHook implements redis.Hook.
func (dialing) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		if err != nil {
			// The new error has only the text of err, and does not wrap err. Otherwise
			// the library could take err, such as Sentinel's "nil" for an unknown name,
			// for the answer to a pipeline, and report no error.
			return nil, fmt.Errorf("%w: %v", ErrUnsent, err)
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

// Cluster is the topology of a Redis Cluster. The library keeps the map of slots.
// This package follows redirects itself, because the library would also repeat
// commands whose outcome is unknown.
type Cluster struct {
	*redis.ClusterClient
	*generation
	*secure
	options func(addr string) *redis.Options

	mu     sync.Mutex
	others map[string]*redis.Client // by address, of servers that redirects named
}

// Master implements Topology.
func (c *Cluster) Master(ctx context.Context, key string) (*redis.Client, error) {
	return c.MasterForKey(ctx, key)
}

// Redirected implements Topology.
func (c *Cluster) Redirected(ctx context.Context, addr string) *redis.Client {
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
func (c *Cluster) masterAt(ctx context.Context, addr string) *redis.Client {
	var found atomic.Pointer[redis.Client]
	_ = c.ForEachMaster(ctx, func(_ context.Context, client *redis.Client) error {
		if client.Options().Addr == addr {
			found.Store(client)
		}
		return nil
	})
	return found.Load()
}

// Single implements Topology.
func (c *Cluster) Single() bool { return false }

// Each implements Topology.
func (c *Cluster) Each(ctx context.Context, f func(context.Context, *redis.Client) error) error {
	return c.ForEachMaster(ctx, f)
}

// Close implements Topology.
func (c *Cluster) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.ClusterClient.Close()
	for _, client := range c.others {
		err = errors.Join(err, client.Close())
	}
	clear(c.others)
	return err
}
