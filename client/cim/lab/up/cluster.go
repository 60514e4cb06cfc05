package up

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cim-go/cim/ring/mirror/zktest"
	"github.com/cim-go/cim/routefn/record/redistest"
)

// Cluster is a running cluster, which Start has started. Its methods may be called from
// any goroutine.
type Cluster struct {
	// Set by Start.
	config   Config
	dir      string
	store    string            // URL, with the password
	password string            // of the store; empty: none
	redis    *redistest.Server // nil unless Start has started it; the same is true of the next two fields
	sentinel *redistest.Sentinel
	cluster  *redistest.Cluster
	clock    *redistest.Clock   // nil without Config.Clock
	zk       string             // host:port, or empty
	zkOwn    *zktest.Server     // nil unless Start has started it
	routeAt  []string           // host:port of the routes
	frontAt  []string           // host:port of the proxies in front of the routes; without Config.Front the same as routeAt
	tls      tlsFiles           // empty without Config.CA
	http     *http.Client       // for the processes
	key      string             // the cluster key as flags take it; empty: none
	operator ed25519.PrivateKey // signs the certificates of processes; nil without Config.Keys
	closers  []func()

	functions *functions // nil unless the route is a function; set by Start

	// Guarded by mu.
	mu         sync.Mutex
	nodes      []*Node
	routes     []*Process
	made       int             // how many nodes were started so far; it makes each name new
	given      map[string]bool // addresses that are taken, even if the program does not listen yet
	identified map[string]bool // ids of processes whose identity file was made
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

// readyTime is how long a process may take until it is ready. The slowest is ZooKeeper,
// which runs on Java, on a busy machine.
const readyTime = 40 * time.Second

// Start starts everything and returns when every process is ready. After an error nothing
// is left running.
func Start(ctx context.Context, config Config) (*Cluster, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Cluster{config: config, dir: config.Dir, given: make(map[string]bool), identified: make(map[string]bool)}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	if err := c.start(ctx); err != nil {
		_ = c.Stop() // the error of the start counts, not this one
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
	if err := c.makeOperator(); err != nil {
		return err
	}
	if err := c.makeTLS(); err != nil {
		return err
	}
	if err := c.startStore(ctx); err != nil {
		return err
	}
	if err := c.startZooKeeper(ctx); err != nil {
		return err
	}
	// The addresses of routes and nodes are chosen before any of them runs. So each can be
	// started with the addresses of the others.
	for i := range c.config.Routes {
		if err := c.addRoute(c.address(8083 + 10*i)); err != nil {
			return err
		}
	}
	if err := c.startNodes(); err != nil {
		return err
	}
	if err := c.startRoutes(); err != nil {
		return err
	}
	return c.waitReady(ctx)
}

func (c *Cluster) addRoute(address string) error {
	front := address
	if c.config.Front != nil {
		var stop func()
		var err error
		if front, stop, err = c.config.Front(address); err != nil {
			return err
		}
		c.closers = append(c.closers, stop)
	}
	c.routeAt, c.frontAt = append(c.routeAt, address), append(c.frontAt, front)
	return nil
}

func (c *Cluster) makeDir() error {
	if c.dir != "" {
		dir, err := filepath.Abs(c.dir) // the path must be absolute, because servers have working folders of their own
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
	c.closers = append(c.closers, func() { _ = os.RemoveAll(dir) }) // if that fails, the system cleans up the temporary folder
	return nil
}

func (c *Cluster) startZooKeeper(ctx context.Context) error {
	if c.config.ZK != "spawn" {
		c.zk = c.config.ZK
		return nil
	}
	server, err := zktest.Start(ctx, zktest.Config{Dir: filepath.Join(c.dir, "zookeeper")})
	if err != nil {
		return err
	}
	c.closers = append(c.closers, func() { server.Stop() })
	c.zk, c.zkOwn = server.Addr(), server
	return nil
}

// startNodes starts the nodes together, each with all others as seeds. The first one may
// be ready before the others.
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
	n := c.made
	c.made++
	c.mu.Unlock()
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
	if c.operator != nil {
		if _, err := c.Identify(node.ID); err != nil {
			return err
		}
	}
	process, err := c.launch(node.ID, c.url(node.HTTP, HopRoute), c.nodeCommand(node, seeds, flags))
	if err != nil {
		return err
	}
	node.Process = process
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes = append(c.nodes, node)
	return nil
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
		process, err := c.launch(name, c.url(address, HopClients), c.routeCommand(address))
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.routes = append(c.routes, process)
		c.mu.Unlock()
	}
	return nil
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

// Nodes returns all nodes in the order in which they were started, including those that
// have ended.
func (c *Cluster) Nodes() []*Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.nodes)
}

// Routes returns the routes that are processes of their own. If the route is a function,
// there are none.
func (c *Cluster) Routes() []*Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.routes)
}

// RouteURLs returns the URLs that clients use for the routes.
func (c *Cluster) RouteURLs() []string {
	var urls []string
	for _, address := range c.frontAt {
		urls = append(urls, c.url(address, HopClients))
	}
	for _, n := range c.Nodes() {
		if n.Route != "" {
			urls = append(urls, c.url(n.Route, HopClients))
		}
	}
	return urls
}

// ZK returns the address of ZooKeeper, or nothing.
func (c *Cluster) ZK() string { return c.zk }

// ZooKeeper returns the server that Start spawned, or nil.
func (c *Cluster) ZooKeeper() *zktest.Server { return c.zkOwn }

// Auth returns the mode of accounts.
func (c *Cluster) Auth() string { return c.config.Auth }

// Dir returns the folder of logs and data.
func (c *Cluster) Dir() string { return c.dir }

// stopGrace is how long a program may take to stop before it is killed.
const stopGrace = 12 * time.Second

// Stop ends everything that Start started. The nodes come first, so that they can report
// the ended sessions to the route. The error names the programs that ended with another
// status than 0.
func (c *Cluster) Stop() error {
	var nodes []*Process
	for _, n := range c.Nodes() {
		nodes = append(nodes, n.Process)
	}
	failed := stopAll(nodes, stopGrace)
	failed = errors.Join(failed, stopAll(c.Routes(), stopGrace))
	for _, closer := range slices.Backward(c.closers) {
		closer()
	}
	return failed
}
