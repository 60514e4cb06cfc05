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
}

func (f *flags) register(fs *flag.FlagSet) {
	fs.StringVar(&f.id, "id", "", "`name` of this node, unique in the cluster; empty: host and port")
	fs.StringVar(&f.zone, "zone", "", "failure `domain` this node is in")
	fs.IntVar(&f.weight, "weight", 1, "`share` of users this node takes beside others")
	fs.IntVar(&f.capacity, "capacity", 100_000, "`connections` above which new ones are sent elsewhere")
	fs.StringVar(&f.listen, "listen", "127.0.0.1:11211", "`address` for clients: TCP and WebSocket, and TLS with -tls-cert")
	fs.StringVar(&f.http, "http", "127.0.0.1:8081", "`address` of the internal HTTP, for routes and operators; TLS too with -internal-tls-cert")
	fs.StringVar(&f.gossip, "gossip", "127.0.0.1:7946", "`address` of gossip among nodes, TCP and UDP")
	fs.StringVar(&f.advertise, "advertise", "", "`host` by which routes and nodes reach this one; empty: that of -http, or the private address.\n-gossip on all addresses (0.0.0.0 or [::]) needs it")
	fs.StringVar(&f.clientAt, "advertise-client", "", "`host:port` by which clients reach this node, or wss://host:port/path behind a proxy that ends TLS;\nempty: -advertise and the port of -listen")
	fs.Var(&f.join, "join", "gossip `addresses` of any running nodes, comma-separated:\nhost:port, dns+srv://name, file:///path or exec:command")
	fs.BoolVar(&f.bootstrap, "bootstrap", false, "be ready although no seed of -join answers: the first node of a cluster")
	fs.IntVar(&f.expect, "expect", 0, "be ready once so many `nodes`, this one counted, know each other")
	fs.StringVar(&f.cluster, "cluster", "", "`name` of the cluster; nodes of another name are refused")
	fs.StringVar(&f.clusterKey, "cluster-key", "", "`secret` of all nodes and routes (or file:PATH or secretsmanager:ARN), while it is changed the old\nand the new one, one a line; without it a node serves this machine only")
	fs.StringVar(&f.zk, "zk", "", "ZooKeeper `servers` to mirror the registration into, comma-separated host:port")
	fs.StringVar(&f.zkRoot, "zk-root", mirror.DefaultRoot, "`path` in ZooKeeper under which nodes stand")
	fs.StringVar(&f.data, "data", "", "`folder` for what should be known after a restart: the members last seen")
	fs.Var(&f.routes, "route-url", "`URL` of a route, may be given several times (default http://127.0.0.1:8083)")
	fs.Var(&f.cimRoutes, "cim-route-url", "`URL` of a route of CIM's own, in Java, may be given several times; gets a call of /offLine\nfor each CIM connection that ends here")
	fs.Var(&f.cimPushers, "cim-route-from", "`addresses` or CIDR blocks of CIM's own routes, with commas between: with a cluster key,\nonly they may push (/sendMsg) without it")
	fs.IntVar(&f.drainRate, "drain-rate", 500, "`clients` a second that this node sends to others when it leaves")
	fs.DurationVar(&f.drainTime, "drain-timeout", 5*time.Minute, "`time` after which those who are left are closed, not counting while no route answers")
	fs.Var(&f.engine, "engine", "what carries the clients' connections, by `name`: epoll (Linux only, and not under TLS),\nportable, or auto: epoll where it can be")
	f.tls.Flags(fs, "-http, whose members' record then says https, and of -internal-listen")
	fs.StringVar(&f.routeCA, "route-tls-ca", "", "`file` with the certificates of authorities that routes' certificates may come from; empty: those of the system")
	fs.BoolVar(&f.withRoute, "with-route", false, "serve a route from this process too")
	fs.StringVar(&f.routeAt, "route-listen", "127.0.0.1:8083", "`address` of that route")
	f.route.Register(fs)
	f.log.Flags(fs)
	f.profile.Flags(fs)
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
// nothing. set has the names of the flags that were given.
func (f *flags) check(set map[string]bool) error {
	for _, check := range []func() error{f.checkRoutes, f.checkAddresses, f.checkZooKeeper} {
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

// exposed returns the addresses at which clients and routes come.
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
