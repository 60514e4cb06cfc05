package servers

import (
	"log/slog"
	"time"
)

// Config names the servers and sets how to connect to them.
type Config struct {
	// URL names the servers:
	//
	//	redis://user:password@host:6379/0      one server; rediss:// for TLS
	//	redis+sentinel://host:26379,host2:26379/mymaster?db=0
	//	redis+cluster://host:7000,host2:7001   rediss+cluster:// for TLS
	//
	// With TLS it may have the options ca, cert and key, which are files, and server_name.
	URL      string
	Password string // replaces the password in the URL; empty: it does not

	PoolSize    int           // connections per server at most; zero: 10 per CPU
	MinIdle     int           // idle connections that are kept to each server
	DialTimeout time.Duration // of one connection; zero: 5 s
	ReadTimeout time.Duration // of a read or a write; zero: 3 s. A context may end it earlier
	MaxIdleTime time.Duration // an idle connection is closed after this time; zero: 30 min

	// If a connection was unused for ProbeIdle, its next use probes it first. Zero: it is
	// never probed. See probedConn.
	ProbeIdle time.Duration

	Logger *slog.Logger // logs that files were renewed; nil: nothing is logged
}

// Open returns the topology that the URL names. It reads the files that the URL names,
// and does not connect. Its errors do not contain the URL, which may have a password.
// The caller closes the topology.
func Open(cfg Config) (Topology, error) {
	at, err := parseURL(cfg.URL, cfg.Logger)
	if err != nil {
		return nil, err
	}
	if cfg.Password != "" {
		at.password = cfg.Password
	}
	return at.open(cfg), nil
}
