package up

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/cim-go/cim/proto/tlsfile/localca"
)

// Config says what to run. The zero Config is three nodes on an embedded store.
type Config struct {
	Nodes int // zero: 3
	// Redis is the store. "embedded" (default) is a store in the process that calls Start.
	// "spawn" is a redis-server that keeps nothing. "persist" is a redis-server that syncs
	// its file before it answers, so it can be killed and started again. "sentinel" is a
	// primary with two replicas and three Sentinels. "cluster" is a Redis Cluster of three
	// masters with a replica each. Any other value is the URL of a store that runs
	// already.
	Redis  string
	Clock  bool   // the store of "persist" gets a clock that can be set
	Clocks bool   // nodes and routes have clocks that can be set, see Process.SetClock
	ZK     string // empty: none; "spawn", or host:port of one that runs already
	Auth   string // "open" (default), "password" or "jwt", with RouteFlags for its keys
	Dir    string // logs and data; empty: a temporary folder that Stop removes
	Routes int    // zero: 1
	Route  string // RouteServer (default) or RouteLambda
	// WithRoute makes each node serve a route in its own process. There are no other
	// routes then, and Routes and Route are ignored.
	WithRoute bool

	// CA signs the certificates of all processes, which then accept only TLS. The
	// processes also have a cluster key, so that gossip is encrypted, too. A store that
	// Start starts also accepts only TLS, and requires certificates from its clients. The
	// embedded store is plain. nil: nothing speaks TLS.
	CA *localca.CA
	// Plain are hops that do not speak TLS although there is a CA. Zero: none.
	Plain Hops

	// Keys gives each process a key and a certificate of its own. The cluster also has a
	// cluster key, but that key alone does not prove which process a caller is.
	Keys bool

	// Front starts a proxy in front of the route at an address, as a load balancer would
	// be. Nodes and clients use the address that it returns. Stop calls the returned
	// function stop.
	Front func(route string) (address string, stop func(), err error)

	// Program is the beginning of each command line. A program's name ("server", "route")
	// and its flags follow. nil: the present binary.
	Program []string
	// Fixed makes processes use the well-known ports if these are free. If Fixed is false,
	// the operating system chooses all ports, which suits tests.
	Fixed bool
	// ServerFlags and RouteFlags are added to the flags of every node and of every
	// program that serves a route.
	ServerFlags, RouteFlags []string
}

// Values of Config.Route. With RouteLambda, each route's address has an HTTP front end,
// behind which instances of a function run. The instances start on demand and are frozen
// between requests. Some of them are killed. This works only if Signals is true. Such a
// cluster has a cluster key.
const (
	RouteServer = "server"
	RouteLambda = "lambda"
)

func (c Config) withDefaults() (Config, error) {
	c.Nodes = cmp.Or(c.Nodes, 3)
	c.Redis = cmp.Or(c.Redis, "embedded")
	c.Auth = cmp.Or(c.Auth, "open")
	c.Routes = cmp.Or(c.Routes, 1)
	c.Route = cmp.Or(c.Route, RouteServer)
	if c.WithRoute {
		c.Routes, c.Route = 0, RouteServer
	}
	if c.Route == RouteLambda && c.CA != nil {
		return c, errors.New("a function has no listener that could speak TLS: its platform has one")
	}
	if c.Route == RouteLambda && !Signals {
		return c, fmt.Errorf("route %s: %w", c.Route, ErrNoPause)
	}
	if c.Program == nil {
		self, err := os.Executable()
		if err != nil {
			return c, fmt.Errorf("find own program: %w", err)
		}
		c.Program = []string{self}
	}
	return c, nil
}
