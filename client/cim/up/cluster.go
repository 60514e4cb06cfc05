package up

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cim-go/cim/ring/mirror/spawn"
	"github.com/cim-go/cim/routefn/record/embedded"
	redis "github.com/cim-go/cim/routefn/record/spawn"
)

// Config says what to run. The zero Config is three nodes on an embedded store.
type Config struct {
	Nodes int // zero: 3
	// Redis is the store: "embedded" (default); "spawn", which keeps nothing;
	// "persist", a spawned one that has written to its file what it answers for, so
	// that it can be killed and started again; "sentinel", a primary with two
	// replicas and three Sentinels; "cluster", a Redis Cluster of three masters with
	// a replica each; or the URL of one that runs already.
	Redis  string
	Clock  bool   // the spawned store of "persist" has a clock that can be set
	ZK     string // empty: none; "spawn", or host:port of one that runs already
	Auth   string // "open" (default) or "password"
	Dir    string // logs and data; empty: a temporary folder that Stop removes
	Routes int    // zero: 1
	Route  string // RouteServer (default) or RouteLambda
	// WithRoute has each node serve a route in its own process, and no others:
	// Routes and Route do not count.
	WithRoute bool

	// Program is the command line that Start puts in front of a program's name
	// ("server", "route") and flags; nil: this very binary.
	Program []string
	// Fixed asks for the ports that people know where they are free; otherwise
	// all are chosen by the system, which is what tests want.
	Fixed bool
	// ServerFlags and RouteFlags are added to the flags of every node and of whoever
	// serves a route.
	ServerFlags, RouteFlags []string
}

// What routes are. A function stands behind an HTTP front end at each route's
// address; its instances are started on demand, frozen between requests and killed
// now and then. Its cluster has a cluster key.
const (
	RouteServer = "server"
	RouteLambda = "lambda"
)

func (c Config) withDefaults() (Config, error) {
	if c.Nodes == 0 {
		c.Nodes = 3
	}
	switch {
	case c.WithRoute:
		c.Routes, c.Route = 0, RouteServer
	case c.Routes == 0:
		c.Routes = 1
	}
	if c.Redis == "" {
		c.Redis = "embedded"
	}
	if c.Auth == "" {
		c.Auth = "open"
	}
	if c.Route == "" {
		c.Route = RouteServer
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

// Cluster is what Start started. Its methods may be called from any goroutine.
type Cluster struct {
	// Set by Start.
	config   Config
	dir      string
	store    string        // URL
	redis    *redis.Server // nil unless spawned, as are the next two
	sentinel *redis.Sentinel
	cluster  *redis.Cluster
	clock    *redis.Clock  // nil unless asked for
	zk       string        // host:port, or empty
	zkOwn    *spawn.Server // nil unless spawned
	routeAt  []string      // host:port of the routes
	key      string        // the cluster key as flags take it; empty: none
	closers  []func()

	functions *functions // nil unless the route is one; set while starting

	// Guarded by mu.
	mu     sync.Mutex
	nodes  []*Node
	routes []*Process
	made   int // nodes started so far: names are never used twice
}

// Node is a cim-server of the cluster.
type Node struct {
	*Process
	ID     string
	Client string // host:port for clients
	HTTP   string // host:port of the internal HTTP
	Gossip string // host:port by which others join
	Route  string // host:port of its route; empty without Config.WithRoute
}

// readyTime is how long a process may take until it is ready. ZooKeeper's Java
// on a busy machine is the slowest.
const readyTime = 40 * time.Second

// Start starts everything and returns when every process is ready. On an error
// nothing is left running.
func Start(ctx context.Context, config Config) (*Cluster, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Cluster{config: config, dir: config.Dir}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	if err := c.start(ctx); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	if err := c.makeDir(); err != nil {
		return err
	}
	if err := c.makeKey(); err != nil {
		return err
	}
	if err := c.startStore(ctx); err != nil {
		return err
	}
	if err := c.startZooKeeper(ctx); err != nil {
		return err
	}
	// The route's address is known before it runs, so that nodes can be told, and
	// the nodes' before they run, so that the route can be told.
	for i := range c.config.Routes {
		c.routeAt = append(c.routeAt, c.address(8083+10*i))
	}
	if err := c.startNodes(); err != nil {
		return err
	}
	if err := c.startRoutes(); err != nil {
		return err
	}
	return c.waitReady(ctx)
}

func (c *Cluster) makeDir() error {
	if c.dir != "" {
		dir, err := filepath.Abs(c.dir) // servers have working folders of their own
		if err == nil {
			err = os.MkdirAll(dir, 0o700)
		}
		if err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		c.dir = dir
		return nil
	}
	dir, err := os.MkdirTemp("", "cim-up-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	c.dir = dir
	c.closers = append(c.closers, func() { _ = os.RemoveAll(dir) }) // a temporary folder: the system cleans up what stays
	return nil
}

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
		config := redis.Config{Dir: filepath.Join(c.dir, "redis")}
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
		server, err := redis.Redis(ctx, config)
		if err != nil {
			return err
		}
		c.closers = append(c.closers, server.Stop)
		c.store, c.redis = server.URL(), server
	case "sentinel":
		group, err := redis.NewSentinel(ctx, filepath.Join(c.dir, "redis"), 2)
		if err != nil {
			return err
		}
		c.closers = append(c.closers, group.Stop)
		c.store, c.sentinel = group.URL(), group
	case "cluster":
		cluster, err := redis.NewReplicatedCluster(ctx, filepath.Join(c.dir, "redis"), 3)
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

func (c *Cluster) makeClock(ctx context.Context) (err error) {
	if !c.config.Clock {
		return nil
	}
	if c.clock, err = redis.NewClock(ctx, filepath.Join(c.dir, "clock")); err != nil {
		return err
	}
	c.closers = append(c.closers, func() { _ = c.clock.Close() }) // nothing is read from it any more
	return nil
}

func (c *Cluster) startZooKeeper(ctx context.Context) error {
	if c.config.ZK != "spawn" {
		c.zk = c.config.ZK
		return nil
	}
	server, err := spawn.Start(ctx, spawn.Config{Dir: filepath.Join(c.dir, "zookeeper")})
	if err != nil {
		return err
	}
	c.closers = append(c.closers, func() { server.Stop() })
	c.zk, c.zkOwn = server.Addr(), server
	return nil
}

// startNodes starts the nodes together, each with all others as seeds; the first
// may be ready alone.
func (c *Cluster) startNodes() error {
	nodes := make([]*Node, c.config.Nodes)
	for i := range nodes {
		nodes[i] = c.newNode()
	}
	for i, n := range nodes {
		var flags []string
		if i == 0 {
			flags = append(flags, "-bootstrap")
		}
		if err := c.startNode(n, gossipOf(nodes, n), flags...); err != nil {
			return err
		}
	}
	return nil
}

// newNode names a node and chooses its addresses.
func (c *Cluster) newNode() *Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.made
	c.made++
	node := &Node{
		ID:     "node-" + strconv.Itoa(n+1),
		Client: c.address(11211 + n),
		HTTP:   c.address(8081 + 10*n),
		Gossip: c.address(7946 + n),
	}
	if c.config.WithRoute {
		node.Route = c.address(8083 + 10*n)
	}
	return node
}

func (c *Cluster) startNode(node *Node, seeds []string, flags ...string) error {
	process, err := start(c.dir, node.ID, "http://"+node.HTTP, c.nodeCommand(node, seeds, flags))
	if err != nil {
		return err
	}
	node.Process = process
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes = append(c.nodes, node)
	return nil
}

func (c *Cluster) nodeCommand(node *Node, seeds, flags []string) []string {
	args := []string{
		"-id", node.ID, "-listen", node.Client, "-http", node.HTTP, "-gossip", node.Gossip, "-auth", c.config.Auth,
	}
	for _, route := range c.routeAt {
		args = append(args, "-route-url", "http://"+route)
	}
	if node.Route != "" {
		args = append(args, "-with-route", "-route-listen", node.Route)
		args = append(args, c.storeFlags()...)
	}
	if len(seeds) > 0 {
		args = append(args, "-join", strings.Join(seeds, ","))
	}
	if c.zk != "" {
		args = append(args, "-zk", c.zk)
	}
	if c.key != "" {
		args = append(args, "-cluster-key", c.key)
	}
	if c.config.Route == RouteLambda {
		args = append(args, "-plain-hop") // it offers no streams, and each try to open one would be an invocation
	}
	return c.command("server", append(append(args, c.config.ServerFlags...), flags...))
}

func (c *Cluster) command(program string, args []string) []string {
	return append(append(slices.Clone(c.config.Program), program), args...)
}

// gossipOf are the gossip addresses of the nodes but one.
func gossipOf(nodes []*Node, except *Node) []string {
	var seeds []string
	for _, n := range nodes {
		if n != except {
			seeds = append(seeds, n.Gossip)
		}
	}
	return seeds
}

func (c *Cluster) startRoutes() error {
	if c.config.Route == RouteLambda {
		return c.startFunctions()
	}
	for i, address := range c.routeAt {
		name := "route"
		if i > 0 {
			name += "-" + strconv.Itoa(i+1)
		}
		process, err := start(c.dir, name, "http://"+address, c.routeCommand(address))
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.routes = append(c.routes, process)
		c.mu.Unlock()
	}
	return nil
}

// routeCommand is the route's command line; a function listens at no address.
func (c *Cluster) routeCommand(address string) []string {
	args := append([]string{
		"-ring", "seed:" + c.httpSeeds(), "-auth", c.config.Auth,
	}, c.storeFlags()...)
	if address != "" {
		args = append(args, "-listen", address)
	}
	if c.key != "" {
		args = append(args, "-cluster-key", c.key)
	}
	return c.command("route", args)
}

// storeFlags are the flags of whoever serves a route.
func (c *Cluster) storeFlags() []string {
	flags := append([]string{"-redis", c.store}, c.config.RouteFlags...)
	if c.config.Redis == "embedded" {
		flags = append(flags, "-allow-embedded")
	}
	return flags
}

func (c *Cluster) httpSeeds() string {
	var seeds []string
	for _, n := range c.Nodes() {
		seeds = append(seeds, n.HTTP)
	}
	return strings.Join(seeds, ",")
}

// Node returns the node with an id, or nil.
func (c *Cluster) Node(id string) *Node {
	for _, n := range c.Nodes() {
		if n.ID == id {
			return n
		}
	}
	return nil
}

// Nodes returns all nodes that were started, in that order, ended ones too.
func (c *Cluster) Nodes() []*Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.nodes)
}

// Routes returns the routes that are processes of their own: none where the route
// is a function.
func (c *Cluster) Routes() []*Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.routes)
}

// RouteURLs returns the addresses that clients are given.
func (c *Cluster) RouteURLs() []string {
	var urls []string
	for _, address := range c.routeAt {
		urls = append(urls, "http://"+address)
	}
	for _, n := range c.Nodes() {
		if n.Route != "" {
			urls = append(urls, "http://"+n.Route)
		}
	}
	return urls
}

// Store returns the URL of the store.
func (c *Cluster) Store() string { return c.store }

// Redis returns the single server that Start spawned, or nil.
func (c *Cluster) Redis() *redis.Server { return c.redis }

// Sentinel returns the primary with replicas that Start spawned, or nil.
func (c *Cluster) Sentinel() *redis.Sentinel { return c.sentinel }

// RedisCluster returns the Redis Cluster that Start spawned, or nil.
func (c *Cluster) RedisCluster() *redis.Cluster { return c.cluster }

// Clock returns the store's clock, or nil if it cannot be set.
func (c *Cluster) Clock() *redis.Clock { return c.clock }

// ZK returns the address of ZooKeeper, or nothing.
func (c *Cluster) ZK() string { return c.zk }

// ZooKeeper returns the server that Start spawned, or nil.
func (c *Cluster) ZooKeeper() *spawn.Server { return c.zkOwn }

// Dir returns the folder of logs and data.
func (c *Cluster) Dir() string { return c.dir }

// stopGrace is how long a program may take to stop before it is killed.
const stopGrace = 12 * time.Second

// Stop ends everything that Start started, nodes first, so that they can tell
// the route who left.
func (c *Cluster) Stop() {
	var nodes []*Process
	for _, n := range c.Nodes() {
		nodes = append(nodes, n.Process)
	}
	stopAll(nodes, stopGrace)
	stopAll(c.Routes(), stopGrace)
	for _, closer := range slices.Backward(c.closers) {
		closer()
	}
}
