package record

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/proto/sock"
)

// endpoint is a parsed Config.URL.
type endpoint struct {
	kind           string // redis, redis+sentinel or redis+cluster
	hosts          []string
	master         string // Sentinel's name of the master
	db             int
	user, password string
	tls            *tls.Config
}

// parseURL reads a store's URL. Its errors never contain the URL, which may have
// a password.
func parseURL(raw string) (*endpoint, error) {
	u, err := parseHosts(raw)
	if err != nil {
		return nil, err
	}
	e := &endpoint{kind: strings.Replace(u.Scheme, "rediss", "redis", 1), hosts: strings.Split(u.Host, ",")}
	e.user = u.User.Username()
	e.password, _ = u.User.Password()
	path, db := strings.Trim(u.Path, "/"), u.Query().Get("db")
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
	if e.db, err = strconv.Atoi(orDefault(db, "0")); err != nil || e.db < 0 {
		return nil, fmt.Errorf("store URL has database %q, which is no number", db)
	}
	for i, host := range e.hosts {
		e.hosts[i] = withPort(host, port)
	}
	if strings.HasPrefix(u.Scheme, "rediss") {
		e.tls = &tls.Config{MinVersion: tls.VersionTLS12} // the library adds the server's name
	}
	return e, nil
}

// parseHosts parses a URL whose authority may list several hosts, which
// net/url refuses when they have ports: it is given the first, and the list is
// put back.
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

func withPort(host, port string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

// open returns the door to the endpoint. It dials nothing yet. Retries of the
// library are off everywhere: what may be repeated is decided in op.go.
func (e *endpoint) open(cfg Config) door {
	switch e.kind {
	case "redis+sentinel":
		client := redis.NewFailoverClient(e.sentinelOptions(cfg))
		client.AddHook(dialing{})
		return server{client}
	case "redis+cluster":
		return &cluster{
			ClusterClient: redis.NewClusterClient(e.clusterOptions(cfg)),
			options:       func(addr string) *redis.Options { return e.options(addr, cfg) },
			others:        make(map[string]*redis.Client),
		}
	default:
		return server{redis.NewClient(e.options(e.hosts[0], cfg))}
	}
}

// noPool keeps the library from having a second pool of each server's connections,
// for pipelines, which is all that we send: Config.PoolSize would not bound it, and
// Config.MinIdle would fill the one that is not used.
const noPool = -1

func (e *endpoint) options(addr string, cfg Config) *redis.Options {
	return &redis.Options{
		Addr: addr, Dialer: e.dialer(cfg), Username: e.user, Password: e.password, DB: e.db, TLSConfig: e.tls, Protocol: 2,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true,
		DialTimeout: cfg.DialTimeout, ReadTimeout: cfg.ReadTimeout, WriteTimeout: cfg.ReadTimeout,
		PoolSize: cfg.PoolSize, PipelinePoolSize: noPool, MinIdleConns: cfg.MinIdle, ConnMaxIdleTime: cfg.MaxIdleTime,
	}
}

// dialer returns how connections are made.
func (e *endpoint) dialer(cfg Config) dialFunc {
	dial := redis.NewDialer(&redis.Options{DialTimeout: cfg.DialTimeout, TLSConfig: e.tls})
	if cfg.ProbeIdle > 0 {
		return cfg.generation.aged(probing(dial, cfg.ProbeIdle))
	}
	return cfg.generation.aged(func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return sock.Wrap(conn), nil
	})
}

func (e *endpoint) sentinelOptions(cfg Config) *redis.FailoverOptions {
	return &redis.FailoverOptions{
		MasterName: e.master, SentinelAddrs: e.hosts, Dialer: e.dialer(cfg),
		Username: e.user, Password: e.password, DB: e.db, TLSConfig: e.tls, Protocol: 2,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true,
		DialTimeout: cfg.DialTimeout, ReadTimeout: cfg.ReadTimeout, WriteTimeout: cfg.ReadTimeout,
		PoolSize: cfg.PoolSize, PipelinePoolSize: noPool, MinIdleConns: cfg.MinIdle, ConnMaxIdleTime: cfg.MaxIdleTime,
	}
}

func (e *endpoint) clusterOptions(cfg Config) *redis.ClusterOptions {
	return &redis.ClusterOptions{
		Addrs: e.hosts, Username: e.user, Password: e.password, TLSConfig: e.tls, Protocol: 2, Dialer: e.dialer(cfg),
		MaxRedirects: -1, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true,
		DialTimeout: cfg.DialTimeout, ReadTimeout: cfg.ReadTimeout, WriteTimeout: cfg.ReadTimeout,
		PoolSize: cfg.PoolSize, PipelinePoolSize: noPool, MinIdleConns: cfg.MinIdle, ConnMaxIdleTime: cfg.MaxIdleTime,
		ClusterStateReloadInterval: 2 * time.Second, // how long a master that died is tried, at most
	}
}
