package spawn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

const slots = 16384

// Cluster is a running Redis Cluster of masters without replicas.
type Cluster struct {
	Servers []*Server
}

// NewCluster starts n masters below dir, gives each an equal share of the slots
// and blocks until each of them calls the cluster well, at most ten seconds. The
// caller stops it.
func NewCluster(ctx context.Context, dir string, n int) (*Cluster, error) {
	c := &Cluster{}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	buses := make([]int, n)
	for i := range n {
		s, bus, err := master(ctx, filepath.Join(dir, "master-"+strconv.Itoa(i)))
		if err != nil {
			c.Stop()
			return nil, err
		}
		c.Servers = append(c.Servers, s)
		buses[i] = bus
	}
	if err := c.join(ctx, buses); err != nil {
		c.Stop()
		return nil, fmt.Errorf("form cluster: %w", err)
	}
	return c, nil
}

// master starts one member. Its bus has a free port of its own: by default it is
// the client's plus 10,000, which may be none.
func master(ctx context.Context, dir string) (*Server, int, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, 0, fmt.Errorf("make directory of master: %w", err)
	}
	var err error
	for range tries {
		var ports []int
		if ports, err = freePorts(2); err != nil {
			break
		}
		var s *Server
		s, err = Redis(ctx, Config{Dir: dir, Port: ports[0], Args: []string{
			"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(ports[1]), "--cluster-node-timeout", "2000",
		}})
		if err == nil {
			return s, ports[1], nil
		}
		if ctx.Err() != nil || errors.Is(err, ErrNotInstalled) {
			break
		}
	}
	return nil, 0, err
}

// join gives out the slots, introduces every member to the first, and waits.
func (c *Cluster) join(ctx context.Context, buses []int) error {
	clients := make([]*redis.Client, len(c.Servers))
	for i, s := range c.Servers {
		clients[i] = redis.NewClient(&redis.Options{Addr: s.Addr(), MaxRetries: -1})
		defer clients[i].Close()
	}
	host, port, err := net.SplitHostPort(c.Servers[0].Addr())
	if err != nil {
		return err
	}
	for i, client := range clients {
		first, last := i*slots/len(clients), (i+1)*slots/len(clients)-1
		if err := client.Do(ctx, "cluster", "addslotsrange", first, last).Err(); err != nil {
			return err
		}
		if i == 0 {
			continue
		}
		if err := client.Do(ctx, "cluster", "meet", host, port, buses[0]).Err(); err != nil {
			return err
		}
	}
	return await(ctx, func() error { return allWell(ctx, clients) })
}

// allWell returns nil if each member sees all members and all slots.
func allWell(ctx context.Context, clients []*redis.Client) error {
	for _, client := range clients {
		info, err := client.ClusterInfo(ctx).Result()
		if err != nil {
			return err
		}
		if !strings.Contains(info, "cluster_state:ok") ||
			!strings.Contains(info, "cluster_known_nodes:"+strconv.Itoa(len(clients))+"\r\n") {
			return errors.New("cluster is not complete")
		}
	}
	return nil
}

// URL returns the addresses as record.Config takes them.
func (c *Cluster) URL() string {
	addrs := make([]string, len(c.Servers))
	for i, s := range c.Servers {
		addrs[i] = s.Addr()
	}
	return "redis+cluster://" + strings.Join(addrs, ",")
}

// Stop stops every member, see Server.Stop.
func (c *Cluster) Stop() {
	for _, s := range c.Servers {
		s.Stop()
	}
}
