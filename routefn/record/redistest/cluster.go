package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/proto/ports"
)

const slots = 16384

// Cluster is a running Redis Cluster. Its methods are for one goroutine at a
// time.
type Cluster struct {
	Servers []*Server // first the servers that began as masters, then those that began as replicas
}

// NewCluster starts n masters without replicas, with their files below dir, and gives
// each an equal share of the slots. It blocks until each of them reports that the
// cluster is up, for two minutes at most. The caller stops it.
func NewCluster(ctx context.Context, dir string, n int) (*Cluster, error) {
	return newCluster(ctx, Config{Dir: dir}, n, 0)
}

// NewReplicatedCluster does what NewCluster does, and also gives each master a replica.
// The replica takes over when its master is gone. All servers have append-only files.
func NewReplicatedCluster(ctx context.Context, dir string, n int) (*Cluster, error) {
	return newCluster(ctx, Config{Dir: dir, Persist: true}, n, n)
}

// NewSecureCluster does what NewReplicatedCluster does. If tls is not nil, the servers
// speak TLS. If password is not empty, they require it.
func NewSecureCluster(ctx context.Context, dir string, n int, tls *TLS, password string) (*Cluster, error) {
	return newCluster(ctx, Config{Dir: dir, Persist: true, TLS: tls, Password: password}, n, n)
}

func newCluster(ctx context.Context, cfg Config, masters, replicas int) (*Cluster, error) {
	c := &Cluster{}
	ctx, cancel := context.WithTimeout(ctx, 2*startTime)
	defer cancel()
	buses := make([]int, masters+replicas)
	for i := range buses {
		s, bus, err := member(ctx, filepath.Join(cfg.Dir, "member-"+strconv.Itoa(i)), cfg)
		if err != nil {
			c.Stop()
			return nil, err
		}
		c.Servers = append(c.Servers, s)
		buses[i] = bus
	}
	err := c.join(ctx, buses, masters)
	if err == nil {
		err = c.replicate(ctx, masters)
	}
	if err != nil {
		c.Stop()
		return nil, fmt.Errorf("form cluster: %w", err)
	}
	return c, nil
}

// member starts one server of a cluster, and returns the port of its cluster bus. It
// chooses that port itself. The default is the port for clients plus 10,000, which may be
// too large for a port.
func member(ctx context.Context, dir string, cfg Config) (*Server, int, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, 0, fmt.Errorf("make directory of member: %w", err)
	}
	var err error
	for range tries {
		var port, bus int
		if port, err = ports.Take(); err != nil {
			break
		}
		if bus, err = ports.Take(); err != nil {
			break
		}
		var s *Server
		s, err = Redis(ctx, Config{Dir: dir, Port: port, Persist: cfg.Persist, TLS: cfg.TLS, Password: cfg.Password, Args: append(quickSync(),
			"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus), "--cluster-node-timeout", "2000",
		)})
		if err == nil {
			return s, bus, nil
		}
		if ctx.Err() != nil || errors.Is(err, ErrNotInstalled) {
			break
		}
	}
	return nil, 0, err
}

// join gives the slots to the masters, introduces every member to the first one, and
// waits until each sees all of them.
func (c *Cluster) join(ctx context.Context, buses []int, masters int) error {
	clients := make([]*redis.Client, len(c.Servers))
	for i, s := range c.Servers {
		clients[i] = redis.NewClient(&redis.Options{Addr: s.Addr(), Password: s.password, TLSConfig: s.tls.client(), MaxRetries: -1})
		defer clients[i].Close()
	}
	host, port, err := net.SplitHostPort(c.Servers[0].Addr())
	if err != nil {
		return err
	}
	for i, client := range clients {
		// Each member needs an epoch of its own. If several begin with the same epoch,
		// some take a newer one later. A master that takes a newer epoch takes back the
		// slots that it has given away.
		if err := client.Do(ctx, "cluster", "set-config-epoch", i+1).Err(); err != nil {
			return err
		}
		if i < masters {
			first, last := i*slots/masters, (i+1)*slots/masters-1
			if err := client.Do(ctx, "cluster", "addslotsrange", first, last).Err(); err != nil {
				return err
			}
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

// replicate makes the other members replicas of the masters, one each, and waits until
// they have caught up.
func (c *Cluster) replicate(ctx context.Context, masters int) error {
	for i, replica := range c.Servers[masters:] {
		id, err := c.Servers[i].ask(ctx, "cluster", "myid").Text()
		if err != nil {
			return err
		}
		if err := replica.ask(ctx, "cluster", "replicate", id).Err(); err != nil {
			return err
		}
	}
	for _, replica := range c.Servers[masters:] {
		if err := await(ctx, func() error { return replica.follows(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

// allWell returns nil if each member knows all members and the masters of all slots.
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

// Masters returns the members that act as masters. It fails if a member does not
// answer, or is a replica that has not caught up.
func (c *Cluster) Masters(ctx context.Context) ([]*Server, error) { return mastersOf(ctx, c.Servers) }

func mastersOf(ctx context.Context, servers []*Server) ([]*Server, error) {
	var masters []*Server
	for _, s := range servers {
		switch err := s.follows(ctx); {
		case errors.Is(err, errPrimary):
			masters = append(masters, s)
		case err != nil:
			return nil, fmt.Errorf("find masters: %w", err)
		}
	}
	return masters, nil
}

// Lose kills a master and returns it. The parameter number chooses among the present
// masters. First, Lose cuts off the master's replica, so that the replica gets none of
// the last writes. The parameter behind is how long that lasts before the master dies.
func (c *Cluster) Lose(ctx context.Context, number int, behind time.Duration) (*Server, error) {
	masters, err := c.Masters(ctx)
	if err != nil {
		return nil, err
	}
	master := masters[number%len(masters)]
	id, err := master.ask(ctx, "cluster", "myid").Text()
	if err != nil {
		return nil, err
	}
	told, err := master.ask(ctx, "cluster", "replicas", id).StringSlice()
	if err != nil {
		return nil, err
	}
	var replicas []*Server
	for _, s := range c.Servers {
		if strings.Contains(strings.Join(told, "\n"), " "+s.addr+"@") {
			replicas = append(replicas, s)
		}
	}
	return master, master.lose(ctx, replicas, behind)
}

// Rejoin starts a lost master again after its replica has taken over. It blocks until
// the server has caught up as a replica of the new master.
func (c *Cluster) Rejoin(ctx context.Context, lost *Server) error {
	others := slices.DeleteFunc(slices.Clone(c.Servers), func(s *Server) bool { return s == lost })
	err := within(ctx, electTime, func(ctx context.Context) error {
		masters, err := mastersOf(ctx, others)
		if err == nil && len(masters) < len(c.Servers)/2 {
			return errors.New("no replica has taken over")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("after %s was lost: %w", lost.addr, err)
	}
	return lost.rejoin(ctx)
}

// URL returns the URL of the cluster for record.Config. It has the password.
func (c *Cluster) URL() string {
	return c.Servers[0].tls.url("redis+cluster", c.Servers[0].password, addresses(c.Servers), "")
}

// Stop stops all members, see Server.Stop.
func (c *Cluster) Stop() {
	for _, s := range c.Servers {
		s.Stop()
	}
}
