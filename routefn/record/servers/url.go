package servers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// endpoint is a parsed Config.URL.
type endpoint struct {
	kind           string // redis, redis+sentinel or redis+cluster
	hosts          []string
	master         string // name by which Sentinels know the master
	db             int
	user, password string
	secure         *secure // nil: no TLS
}

var errOptions = errors.New("store URL has options that cannot be parsed: want ?NAME=VALUE&NAME=VALUE")

// parseURL parses a store's URL. Its errors never quote the URL, which may have a
// password.
func parseURL(raw string, log *slog.Logger) (*endpoint, error) {
	u, err := parseHosts(raw)
	if err != nil {
		return nil, err
	}
	e := &endpoint{kind: strings.Replace(u.Scheme, "rediss", "redis", 1), hosts: strings.Split(u.Host, ",")}
	e.user = u.User.Username()
	e.password, _ = u.User.Password()
	options, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errOptions // err may quote a part of the URL
	}
	secure := strings.HasPrefix(u.Scheme, "rediss")
	if err := checkOptions(options, secure); err != nil {
		return nil, err
	}
	path, db := strings.Trim(u.Path, "/"), options.Get(optionDB)
	port := "6379"
	switch e.kind {
	case "redis":
		if path != "" {
			db = path
		}
		if len(e.hosts) != 1 {
			return nil, fmt.Errorf("store URL has %d hosts, redis:// takes one; redis+cluster:// takes several", len(e.hosts))
		}
	case "redis+sentinel":
		if e.master, port = path, "26379"; path == "" {
			return nil, fmt.Errorf("store URL lacks the master's name: redis+sentinel://HOST:26379/NAME")
		}
	case "redis+cluster":
		if db != "" || path != "" {
			return nil, fmt.Errorf("store URL names a database, a cluster has none to choose")
		}
	default:
		return nil, fmt.Errorf("store URL has scheme %q; known are redis, rediss, redis+sentinel, rediss+sentinel, redis+cluster and rediss+cluster", u.Scheme)
	}
	if e.db, err = strconv.Atoi(cmp.Or(db, "0")); err != nil || e.db < 0 {
		return nil, fmt.Errorf("store URL has database %q, which is no number", db)
	}
	for i, host := range e.hosts {
		if e.hosts[i], err = withPort(strings.TrimSpace(host), port); err != nil {
			return nil, fmt.Errorf("store URL, host %d of %d: %w", i+1, len(e.hosts), err)
		}
	}
	if secure {
		if e.secure, err = loadSecure(options, log); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// parseHosts parses a URL that may have several hosts, separated by commas. net/url
// refuses that if the hosts have ports. So parseHosts parses the URL with the first
// host only, and then puts all hosts into the result.
func parseHosts(raw string) (*url.URL, error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return nil, fmt.Errorf("store URL lacks a scheme such as redis://")
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	start := strings.LastIndexByte(rest[:end], '@') + 1
	hosts := rest[start:end]
	first, _, _ := strings.Cut(hosts, ",")
	u, err := url.Parse(scheme + "://" + rest[:start] + first + rest[end:])
	if err != nil || first == "" {
		return nil, fmt.Errorf("store URL cannot be parsed: want SCHEME://[USER:PASSWORD@]HOST:PORT[,HOST:PORT...]")
	}
	u.Host = hosts
	return u, nil
}

// errHost does not quote the host, because after a mistake in the URL that text may be a
// part of the password.
var errHost = errors.New("want HOST:PORT")

// withPort returns a host with a port. A host without one gets the given port.
func withPort(host, port string) (string, error) {
	name := strings.Trim(host, "[]")
	if strings.Contains(host, ":") && net.ParseIP(name) == nil {
		var err error
		if name, port, err = net.SplitHostPort(host); err != nil {
			return "", errHost
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || name == "" || strings.ContainsAny(name, " \t") {
		return "", errHost
	}
	return net.JoinHostPort(name, port), nil
}

// open returns the topology of the endpoint. It makes no connection. Retries by the
// library are always off, because the caller decides what may be repeated.
func (e *endpoint) open(cfg Config) Topology {
	g := new(generation)
	dial := g.aged(e.dialer(cfg))
	switch e.kind {
	case "redis+sentinel":
		client := redis.NewFailoverClient(e.sentinelOptions(cfg, dial))
		client.AddHook(dialing{})
		return One{client, g, e.secure}
	case "redis+cluster":
		return &Cluster{
			ClusterClient: redis.NewClusterClient(e.clusterOptions(cfg, dial)), generation: g, secure: e.secure,
			options: func(addr string) *redis.Options { return e.options(addr, cfg, dial) },
			others:  make(map[string]*redis.Client),
		}
	default:
		return One{redis.NewClient(e.options(e.hosts[0], cfg, dial)), g, e.secure}
	}
}

// noPool keeps the library from making a second pool of connections to each server, only
// for pipelines. This package sends only pipelines, so the first pool would stay unused.
// But Config.PoolSize and Config.MinIdle set the size of the first pool.
const noPool = -1

func (e *endpoint) options(addr string, cfg Config, dial dialFunc) *redis.Options {
	return &redis.Options{
		Addr: addr, Dialer: dial, Username: e.user, Password: e.password, DB: e.db, Protocol: 2,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true,
		DialTimeout: cfg.DialTimeout, ReadTimeout: cfg.ReadTimeout, WriteTimeout: cfg.ReadTimeout,
		PoolSize: cfg.PoolSize, PipelinePoolSize: noPool, MinIdleConns: cfg.MinIdle, ConnMaxIdleTime: cfg.MaxIdleTime,
	}
}

// dialer returns the function that makes connections. Each connection gets the
// certificates that are in the files at that time.
func (e *endpoint) dialer(cfg Config) dialFunc {
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		return redis.NewDialer(&redis.Options{DialTimeout: cfg.DialTimeout, TLSConfig: e.secure.config()})(ctx, network, addr)
	}
	if cfg.ProbeIdle > 0 {
		dial = probeDialer(dial, cfg.ProbeIdle)
	}
	return dial
}

func (e *endpoint) sentinelOptions(cfg Config, dial dialFunc) *redis.FailoverOptions {
	return &redis.FailoverOptions{
		MasterName: e.master, SentinelAddrs: e.hosts, Dialer: dial,
		Username: e.user, Password: e.password, DB: e.db, Protocol: 2,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true,
		DialTimeout: cfg.DialTimeout, ReadTimeout: cfg.ReadTimeout, WriteTimeout: cfg.ReadTimeout,
		PoolSize: cfg.PoolSize, PipelinePoolSize: noPool, MinIdleConns: cfg.MinIdle, ConnMaxIdleTime: cfg.MaxIdleTime,
	}
}

func (e *endpoint) clusterOptions(cfg Config, dial dialFunc) *redis.ClusterOptions {
	return &redis.ClusterOptions{
		Addrs: e.hosts, Username: e.user, Password: e.password, Protocol: 2, Dialer: dial,
		MaxRedirects: -1, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true,
		DialTimeout: cfg.DialTimeout, ReadTimeout: cfg.ReadTimeout, WriteTimeout: cfg.ReadTimeout,
		PoolSize: cfg.PoolSize, PipelinePoolSize: noPool, MinIdleConns: cfg.MinIdle, ConnMaxIdleTime: cfg.MaxIdleTime,
		ClusterStateReloadInterval: 2 * time.Second, // after this time, the library stops trying a dead master
	}
}
