package nodeserver

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/proto/sourceip"
	"github.com/cim-go/cim/ring/mirror"
	"github.com/cim-go/cim/routefn/cim-route/routeserver"
)

// flags are the flags of cim-server.
type flags struct {
	log     process.Log
	profile process.Profile

	id         string
	zone       string
	weight     int
	capacity   int
	listen     string
	http       string
	gossip     string
	advertise  string
	clientAt   string
	join       list
	bootstrap  bool
	expect     int
	cluster    string
	clusterKey string
	zk         string
	zkRoot     string
	zkAuth     string
	data       string
	routes     list
	cimRoutes  list
	cimPushers sourceip.Proxies
	drainRate  int
	drainTime  time.Duration
	engine     link.Engine
	tls        process.TLS
	routeCA    string
	withRoute  bool
	routeAt    string
	route      routeserver.Flags
	certs      process.Certs
}

func (f *flags) register(fs *flag.FlagSet) {
	fs.StringVar(&f.id, "id", "", "`name` of this node, unique in the cluster; empty: host name and port of -listen")
	fs.StringVar(&f.zone, "zone", "", "failure `domain` of this node")
	fs.IntVar(&f.weight, "weight", 1, "`share` of the users that this node gets, relative to the weights of the others")
	fs.IntVar(&f.capacity, "capacity", 100_000, "most `connections`; routes send more to other nodes")
	fs.StringVar(&f.listen, "listen", "127.0.0.1:11211", "`address` for clients: TCP and WebSocket, also with TLS if -tls-cert is set")
	fs.StringVar(&f.http, "http", "127.0.0.1:8081", "`address` of the internal HTTP, for routes and operators; also TLS with -internal-tls-cert")
	fs.StringVar(&f.gossip, "gossip", "127.0.0.1:7946", "`address` of gossip among nodes, TCP and UDP")
	fs.StringVar(&f.advertise, "advertise", "", "`host` by which routes and other nodes reach this node; empty: that of -http, or the private address.\nNeeded if -gossip is on all addresses (0.0.0.0 or [::])")
	fs.StringVar(&f.clientAt, "advertise-client", "", "`host:port` by which clients reach this node, or wss://host:port/path behind a proxy that ends TLS;\nempty: -advertise and the port of -listen")
	fs.Var(&f.join, "join", "gossip `addresses` of any running nodes, separated by commas:\nhost:port, dns+srv://name, file:///path or exec:command")
	fs.BoolVar(&f.bootstrap, "bootstrap", false, "be ready although no node of -join answers; for the first node of a cluster")
	fs.IntVar(&f.expect, "expect", 0, "be ready once so many `nodes`, including this one, know each other; 0: do not wait for a number")
	fs.StringVar(&f.cluster, "cluster", "", "`name` of the cluster; nodes of another name are refused")
	fs.StringVar(&f.clusterKey, "cluster-key", "", "`secret` that all nodes and routes share (or file:PATH or secretsmanager:ARN). While you change it, give the old\nand the new one, one per line. Without it a node serves this machine only")
	fs.StringVar(&f.zk, "zk", "", "ZooKeeper `servers` (host:port, separated by commas) into which the registration is mirrored; empty: none")
	fs.StringVar(&f.zkRoot, "zk-root", mirror.DefaultRoot, "`path` in ZooKeeper under which nodes are registered")
	fs.StringVar(&f.zkAuth, "zk-auth", "", "`user:password` (or file:PATH) of ZooKeeper's digest scheme. Only this user may then write under -zk-root, and all may read.\nEmpty: all may write, as CIM's own servers need")
	fs.StringVar(&f.data, "data", "", "`folder` for what is kept across restarts (the members last seen); empty: nothing is kept")
	fs.Var(&f.routes, "route-url", "`URL` of a route; may be given several times (default http://127.0.0.1:8083)")
	fs.Var(&f.cimRoutes, "cim-route-url", "`URL` of one of CIM's own routes, in Java; may be given several times. It gets a call of /offLine\nfor each connection of a CIM client that ends here")
	fs.Var(&f.cimPushers, "cim-route-from", "`addresses` or CIDR blocks of CIM's own routes, separated by commas. If a cluster key is set,\nonly they may push (/sendMsg) without it")
	fs.IntVar(&f.drainRate, "drain-rate", 500, "`clients` per second that this node sends to other nodes when it leaves")
	fs.DurationVar(&f.drainTime, "drain-timeout", 5*time.Minute, "`time` after which the remaining connections are closed when this node leaves. It stands still while no route answers")
	fs.Var(&f.engine, "engine", "`name` of what reads and writes the connections of clients: epoll (Linux only), portable,\nor auto (epoll where possible)")
	f.tls.Flags(fs, "-http (members then list it with https) and -internal-listen")
	fs.StringVar(&f.routeCA, "route-tls-ca", "", "`file` with the authorities that may have signed the certificates of routes; empty: those of the system")
	fs.BoolVar(&f.withRoute, "with-route", false, "serve a route from this process, too")
	fs.StringVar(&f.routeAt, "route-listen", "127.0.0.1:8083", "`address` of the route of -with-route")
	f.route.Register(fs)
	f.certs.Flags(fs, "identity")
	f.route.Certs.IdentityFlag(fs, "route-identity", "the route of -with-route")
	f.log.Flags(fs)
	f.profile.Flags(fs, "-http")
}

// list is a flag that may be given several times or with commas.
type list []string

// String implements flag.Value.
func (l *list) String() string { return strings.Join(*l, ",") }

// Set implements flag.Value.
func (l *list) Set(value string) error {
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			*l = append(*l, item)
		}
	}
	return nil
}

// check returns the first mistake in the flags, wrapping process.ErrUsage. It opens
// nothing. The parameter set has the names of the flags that were given.
func (f *flags) check(set map[string]bool) error {
	for _, check := range []func() error{f.checkRoutes, f.checkAddresses, f.checkZooKeeper, f.checkIdentities} {
		if err := check(); err != nil {
			return err
		}
	}
	for _, c := range []struct {
		wrong bool
		why   string
	}{
		{f.weight < 1, fmt.Sprintf("-weight %d: want at least 1", f.weight)},
		{f.capacity < 1, fmt.Sprintf("-capacity %d: want at least 1", f.capacity)},
		{f.drainRate < 1, fmt.Sprintf("-drain-rate %d: want at least 1", f.drainRate)},
		{f.drainTime <= 0, fmt.Sprintf("-drain-timeout %v: want more than 0", f.drainTime)},
		{f.bootstrap && f.expect > 0, "-bootstrap and -expect exclude each other"},
		{
			!f.withRoute && (set["redis"] || set["redis-password"] || set["route-key"] || set["route-listen"] || set["internal-listen"]),
			"-redis, -redis-password, -route-key, -route-listen and -internal-listen need -with-route",
		},
	} {
		if c.wrong {
			return fmt.Errorf("%w: %s", process.ErrUsage, c.why)
		}
	}
	if err := f.tls.Check("http", f.http); err != nil || !f.withRoute {
		return err
	}
	if err := f.tls.Check("internal-listen", f.route.InternalAt()); err != nil {
		return err
	}
	return f.route.CheckListen("route-listen", f.routeAt, f.clusterKey != "")
}

// checkRoutes checks the URLs of routes, and fills in the default.
func (f *flags) checkRoutes() error {
	if len(f.routes) == 0 {
		f.routes = list{"http://127.0.0.1:8083"}
	}
	for name, urls := range map[string]list{"route-url": f.routes, "cim-route-url": f.cimRoutes} {
		for _, r := range urls {
			if u, err := url.Parse(r); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
				return fmt.Errorf("%w: -%s %q: want http://host:port", process.ErrUsage, name, r)
			}
		}
	}
	return nil
}

// checkAddresses checks the addresses of the listeners. Without a cluster key they
// must be on loopback.
func (f *flags) checkAddresses() error {
	if f.clientAt != "" {
		var err error
		if f.clientAt, err = parseClientAt(f.clientAt); err != nil {
			return err
		}
	}
	if err := checkAdvertised(f.advertise); err != nil {
		return err
	}
	for name, address := range map[string]string{"listen": f.listen, "http": f.http, "gossip": f.gossip} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("%w: -%s %q: want host:port", process.ErrUsage, name, address)
		}
		if name == "gossip" && onAll(address) && f.advertise == "" {
			return fmt.Errorf("%w: -gossip %s listens on all addresses: set -advertise to the one by which other nodes reach this node", process.ErrUsage, address)
		}
		if f.clusterKey == "" && !process.Loopback(address) {
			return fmt.Errorf("%w: -%s %s is reachable from other machines: that needs -cluster-key", process.ErrUsage, name, address)
		}
	}
	return f.route.CheckOpen("listen", f.listen)
}

// exposed returns the addresses on which the program listens for clients and routes.
func (f *flags) exposed() []string {
	if f.withRoute {
		return []string{f.listen, f.http, f.routeAt}
	}
	return []string{f.listen, f.http}
}

func (f *flags) checkZooKeeper() error {
	if f.zk == "" {
		return nil
	}
	if _, err := mirror.ParseServers(f.zk); err != nil {
		return fmt.Errorf("%w: -zk: %w", process.ErrUsage, err)
	}
	return nil
}

// checkAdvertised checks the host of -advertise, which may be empty.
func checkAdvertised(host string) error {
	switch {
	case host == "":
		return nil
	case strings.ContainsAny(host, " /[]") || strings.Contains(host, ":") && net.ParseIP(host) == nil:
		return fmt.Errorf("%w: -advertise %q: want a host or an IP address, without a port", process.ErrUsage, host)
	case onAll(net.JoinHostPort(host, "")):
		return fmt.Errorf("%w: -advertise %s stands for all addresses: want the one by which others reach this node", process.ErrUsage, host)
	}
	return nil
}

// onAll reports whether a listener at this address listens on all addresses of the
// machine.
func onAll(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// defaultID returns a node's default id: the machine's host name and the port for
// clients.
func defaultID(port string) (string, error) {
	host, err := os.Hostname()
	if err != nil || host == "" {
		return "", errors.New("this machine has no name: set -id")
	}
	host, _, _ = strings.Cut(host, ".")
	return host + "-" + port, nil
}
