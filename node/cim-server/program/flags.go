package program

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
	"github.com/cim-go/cim/ring/mirror"
	"github.com/cim-go/cim/routefn/cim-route/config"
	route "github.com/cim-go/cim/routefn/cim-route/program"
)

// flags are what cim-server is told.
type flags struct {
	log     config.Log
	profile config.Profile

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
	drainRate  int
	drainTime  time.Duration
	engine     link.Engine
	tlsCert    string
	tlsKey     string
	withRoute  bool
	routeAt    string
	route      route.Flags
}

func (f *flags) register(fs *flag.FlagSet) {
	fs.StringVar(&f.id, "id", "", "`name` of this node, unique in the cluster; empty: host and port")
	fs.StringVar(&f.zone, "zone", "", "failure `domain` this node is in")
	fs.IntVar(&f.weight, "weight", 1, "`share` of users this node takes beside others")
	fs.IntVar(&f.capacity, "capacity", 100_000, "`connections` above which new ones are sent elsewhere")
	fs.StringVar(&f.listen, "listen", "127.0.0.1:11211", "`address` for clients: TCP and WebSocket, and TLS with -tls-cert")
	fs.StringVar(&f.http, "http", "127.0.0.1:8081", "`address` of the internal HTTP, for routes and operators")
	fs.StringVar(&f.gossip, "gossip", "127.0.0.1:7946", "`address` of gossip among nodes, TCP and UDP")
	fs.StringVar(&f.advertise, "advertise", "", "`host` by which routes and nodes reach this one; empty: that of -http, or the private address.\n-gossip on all addresses (0.0.0.0 or [::]) needs it")
	fs.StringVar(&f.clientAt, "advertise-client", "", "`host:port` by which clients reach this node; empty: -advertise and the port of -listen")
	fs.Var(&f.join, "join", "gossip `addresses` of any running nodes, comma-separated:\nhost:port, dns+srv://name, file:///path or exec:command")
	fs.BoolVar(&f.bootstrap, "bootstrap", false, "be ready although no seed of -join answers: the first node of a cluster")
	fs.IntVar(&f.expect, "expect", 0, "be ready once so many `nodes`, this one counted, know each other")
	fs.StringVar(&f.cluster, "cluster", "", "`name` of the cluster; nodes of another name are refused")
	fs.StringVar(&f.clusterKey, "cluster-key", "", "`secret` of all nodes and routes (or file:PATH or secretsmanager:ARN), while it is changed the old\nand the new one, one a line; without it a node serves this machine only")
	fs.StringVar(&f.zk, "zk", "", "ZooKeeper `servers` to mirror the registration into, comma-separated host:port")
	fs.StringVar(&f.zkRoot, "zk-root", mirror.DefaultRoot, "`path` in ZooKeeper under which nodes stand")
	fs.StringVar(&f.data, "data", "", "`folder` for what should be known after a restart: the members last seen")
	fs.Var(&f.routes, "route-url", "`URL` of a route, may be given several times (default http://127.0.0.1:8083)")
	fs.IntVar(&f.drainRate, "drain-rate", 500, "`clients` a second that this node sends to others when it leaves")
	fs.DurationVar(&f.drainTime, "drain-timeout", 5*time.Minute, "`time` after which those who are left are closed, not counting while no route answers")
	fs.Var(&f.engine, "engine", "what carries the clients' connections, by `name`: epoll (Linux only, and not under TLS),\nportable, or auto: epoll where it can be")
	fs.StringVar(&f.tlsCert, "tls-cert", "", "certificate `file` for clients, read again when it changes")
	fs.StringVar(&f.tlsKey, "tls-key", "", "key `file` of -tls-cert")
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

// check finds what is wrong before anything is opened.
func (f *flags) check(set map[string]bool) error {
	if len(f.routes) == 0 {
		f.routes = list{"http://127.0.0.1:8083"}
	}
	for _, r := range f.routes {
		if u, err := url.Parse(r); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("%w: -route-url %q: want http://host:port", config.ErrUsage, r)
		}
	}
	for name, address := range map[string]string{"listen": f.listen, "http": f.http, "gossip": f.gossip} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("%w: -%s %q: want host:port", config.ErrUsage, name, address)
		}
		if name == "gossip" && onAll(address) && f.advertise == "" {
			return fmt.Errorf("%w: -gossip %s listens on all addresses: say with -advertise by which one others reach this node", config.ErrUsage, address)
		}
		if f.clusterKey == "" && !config.Loopback(address) {
			return fmt.Errorf("%w: -%s %s is reachable from other machines: that needs -cluster-key", config.ErrUsage, name, address)
		}
	}
	if f.zk != "" {
		if _, err := mirror.ParseServers(f.zk); err != nil {
			return fmt.Errorf("%w: -zk: %w", config.ErrUsage, err)
		}
	}
	switch {
	case (f.tlsCert == "") != (f.tlsKey == ""):
		return fmt.Errorf("%w: -tls-cert and -tls-key go together", config.ErrUsage)
	case f.weight < 1:
		return fmt.Errorf("%w: -weight %d: want at least 1", config.ErrUsage, f.weight)
	case f.capacity < 1:
		return fmt.Errorf("%w: -capacity %d: want at least 1", config.ErrUsage, f.capacity)
	case f.drainRate < 1 || f.drainTime <= 0:
		return fmt.Errorf("%w: -drain-rate %d, -drain-timeout %v: want more than nothing", config.ErrUsage, f.drainRate, f.drainTime)
	case f.bootstrap && f.expect > 0:
		return fmt.Errorf("%w: -bootstrap and -expect exclude each other", config.ErrUsage)
	case !f.withRoute && (set["redis"] || set["redis-password"] || set["route-key"] || set["route-listen"]):
		return fmt.Errorf("%w: -redis, -redis-password, -route-key and -route-listen need -with-route", config.ErrUsage)
	}
	return nil
}

// onAll reports whether a listener on address has all addresses of this machine.
func onAll(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// defaultID names a node by its host and the port that clients use.
func defaultID(port string) (string, error) {
	host, err := os.Hostname()
	if err != nil || host == "" {
		return "", errors.New("this machine has no name: say -id")
	}
	host, _, _ = strings.Cut(host, ".")
	return host + "-" + port, nil
}
