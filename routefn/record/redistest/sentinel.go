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
)

// masterName is the name by which Sentinels know the primary.
const masterName = "cim"

const (
	sentinels = 3
	// downAfter is how long a primary must be silent before a Sentinel believes that it
	// is down. All servers are on this machine, but while it is busy with tests, a live
	// primary may seem dead. An unwanted promotion would lose the writes that reach the
	// old primary meanwhile.
	downAfter = 3 * time.Second
	// electTime is how long a promotion may take. If a promotion fails, Sentinels try
	// again after twice failoverTimeout.
	electTime       = 30 * time.Second
	failoverTimeout = 5 * time.Second
)

// Sentinel is a running primary with replicas, and three Sentinels that promote a
// replica when the primary is gone. Its methods are for one goroutine at a time.
type Sentinel struct {
	tls       *TLS
	password  string
	servers   []*Server // the first one began as the primary
	sentinels []*Server
}

// NewSentinel starts a primary, replicas, and three Sentinels, with their files below
// dir. The primary and the replicas have append-only files. It blocks until the Sentinels
// know all servers. The caller stops it.
func NewSentinel(ctx context.Context, dir string, replicas int) (*Sentinel, error) {
	return NewSecureSentinel(ctx, dir, replicas, nil, "")
}

// NewSecureSentinel does what NewSentinel does, but with TLS if tls is not nil. If
// password is not empty, the primary and its replicas require it.
func NewSecureSentinel(ctx context.Context, dir string, replicas int, tls *TLS, password string) (*Sentinel, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*startTime)
	defer cancel()
	s := &Sentinel{tls: tls, password: password}
	if err := s.start(ctx, dir, replicas); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start servers and Sentinels: %w", err)
	}
	return s, nil
}

func (s *Sentinel) start(ctx context.Context, dir string, replicas int) error {
	for i := range 1 + replicas {
		cfg := Config{Dir: filepath.Join(dir, "redis-"+strconv.Itoa(i+1)), Persist: true, TLS: s.tls, Password: s.password}
		if i > 0 {
			host, port, _ := net.SplitHostPort(s.servers[0].addr) // the address comes from JoinHostPort, so there is no error
			cfg.Args = append(quickSync(), "--replicaof", host+" "+port)
		} else {
			cfg.Args = quickSync()
		}
		server, err := Redis(ctx, cfg)
		if err != nil {
			return err
		}
		s.servers = append(s.servers, server)
	}
	for _, replica := range s.servers[1:] {
		if err := await(ctx, func() error { return replica.follows(ctx) }); err != nil {
			return err
		}
	}
	for i := range sentinels {
		sentinel, err := watch(ctx, filepath.Join(dir, "sentinel-"+strconv.Itoa(i+1)), s.servers[0])
		if err != nil {
			return err
		}
		s.sentinels = append(s.sentinels, sentinel)
	}
	return await(ctx, func() error { return s.complete(ctx, replicas) })
}

// quickSync returns arguments that make a primary send its data to a replica at once.
// By default it waits 5 s for more replicas.
func quickSync() []string { return []string{"--repl-diskless-sync-delay", "0"} }

// watch starts a Sentinel that watches the primary.
func watch(ctx context.Context, dir string, primary *Server) (*Server, error) {
	host, port, err := net.SplitHostPort(primary.addr)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of Sentinel: %w", err)
	}
	lines := []string{
		fmt.Sprintf("sentinel monitor %s %s %s %d", masterName, host, port, sentinels/2+1),
		fmt.Sprintf("sentinel down-after-milliseconds %s %d", masterName, downAfter.Milliseconds()),
		fmt.Sprintf("sentinel failover-timeout %s %d", masterName, failoverTimeout.Milliseconds()),
	}
	if primary.password != "" {
		lines = append(lines, fmt.Sprintf("sentinel auth-pass %s %s", masterName, primary.password))
	}
	file := filepath.Join(dir, "sentinel.conf") // the Sentinel stores in this file what it learns
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("configure Sentinel: %w", err)
	}
	return Redis(ctx, Config{Dir: dir, TLS: primary.tls, sentinel: file})
}

// complete returns nil if each Sentinel knows all replicas and the other Sentinels.
func (s *Sentinel) complete(ctx context.Context, replicas int) error {
	for _, sentinel := range s.sentinels {
		told, err := sentinel.ask(ctx, "sentinel", "master", masterName).Slice()
		if err != nil {
			return err
		}
		know := make(map[string]string)
		for i := 0; i+1 < len(told); i += 2 {
			know[fmt.Sprint(told[i])] = fmt.Sprint(told[i+1])
		}
		if know["num-slaves"] != strconv.Itoa(replicas) || know["num-other-sentinels"] != strconv.Itoa(sentinels-1) {
			return errors.New("a Sentinel does not know all others")
		}
	}
	return nil
}

// URL returns the URL of the Sentinels for record.Config. It has the password.
func (s *Sentinel) URL() string {
	return s.tls.url("redis+sentinel", s.password, addresses(s.sentinels), "/"+masterName)
}

// Servers returns the primary, its replicas and the Sentinels.
func (s *Sentinel) Servers() []*Server { return slices.Concat(s.servers, s.sentinels) }

// Primary returns the server that a majority of the Sentinels names as the primary.
func (s *Sentinel) Primary(ctx context.Context) (*Server, error) {
	votes := make(map[string]int)
	var failed error
	for _, sentinel := range s.sentinels {
		at, err := sentinel.ask(ctx, "sentinel", "get-master-addr-by-name", masterName).StringSlice()
		if err != nil || len(at) != 2 {
			failed = errors.Join(failed, err)
			continue
		}
		votes[net.JoinHostPort(at[0], at[1])]++
	}
	for _, server := range s.servers {
		if votes[server.addr] > sentinels/2 {
			return server, nil
		}
	}
	return nil, fmt.Errorf("find primary: Sentinels do not agree on a primary: %w", failed)
}

// Lose kills the primary and returns it. First, it cuts off the replicas, so that they
// get none of the primary's last writes. The parameter behind is how long that lasts
// before the primary dies.
func (s *Sentinel) Lose(ctx context.Context, behind time.Duration) (*Server, error) {
	primary, err := s.Primary(ctx)
	if err != nil {
		return nil, err
	}
	var replicas []*Server
	for _, server := range s.servers {
		if server != primary {
			replicas = append(replicas, server)
		}
	}
	return primary, primary.lose(ctx, replicas, behind)
}

// Hold pauses the replicas until the returned function is called. Their connections
// stay open, so to the primary they are only slow.
func (s *Sentinel) Hold(ctx context.Context) (release func() error, err error) {
	primary, err := s.Primary(ctx)
	if err != nil {
		return nil, err
	}
	var held []*Server
	release = func() error {
		var errs error
		for _, replica := range held {
			errs = errors.Join(errs, replica.Resume())
		}
		return errs
	}
	for _, server := range s.servers {
		if server == primary {
			continue
		}
		if err := server.Pause(); err != nil {
			return nil, errors.Join(err, release())
		}
		held = append(held, server)
	}
	return release, nil
}

// Rejoin starts a lost primary again after a replica was promoted. It blocks until the
// server has caught up as a replica, which takes some ten seconds. Until a Sentinel
// reconfigures it, the server acts as a primary.
func (s *Sentinel) Rejoin(ctx context.Context, lost *Server) error {
	err := within(ctx, electTime, func(ctx context.Context) error {
		primary, err := s.Primary(ctx)
		if err == nil && primary == lost {
			return errors.New("no replica has been promoted")
		}
		return err
	})
	if err != nil {
		return err
	}
	return lost.rejoin(ctx)
}

// Forget makes the Sentinels forget the primary.
func (s *Sentinel) Forget(ctx context.Context) error {
	for _, sentinel := range s.sentinels {
		if err := sentinel.ask(ctx, "sentinel", "remove", masterName).Err(); err != nil {
			return fmt.Errorf("forget primary: %w", err)
		}
	}
	return nil
}

// Stop stops all servers, the Sentinels first.
func (s *Sentinel) Stop() {
	for _, server := range append(s.sentinels, s.servers...) {
		server.Stop()
	}
}
