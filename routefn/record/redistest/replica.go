package redistest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// askTime is how long a server may take to answer. It is longer than pingTime, which
// was too short on an overloaded machine.
const askTime = 5 * time.Second

// ask sends one command over a new connection.
func (s *Server) ask(ctx context.Context, args ...any) *redis.Cmd {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	client := s.client()
	defer client.Close()
	return client.Do(ctx, args...)
}

// client returns a client of the server with one connection. The caller closes it.
func (s *Server) client() *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: s.addr, Password: s.password, TLSConfig: s.tls.client(), MaxRetries: -1, DialerRetries: 1, PoolSize: 1, Protocol: 2, DialTimeout: askTime, ReadTimeout: askTime, DisableIdentity: true, ContextTimeoutEnabled: true,
	})
}

// Cut closes the connections of all clients. Commands that the server is executing take
// effect, and their answers are lost.
func (s *Server) Cut(ctx context.Context) error {
	if err := s.ask(ctx, "client", "kill", "type", "normal").Err(); err != nil {
		return fmt.Errorf("cut connections of clients: %w", err)
	}
	return nil
}

// errPrimary means that a server is not a replica.
var errPrimary = errors.New("it is no replica")

// follows returns nil if the server is a replica and has caught up with its primary.
func (s *Server) follows(ctx context.Context) error {
	info, err := s.ask(ctx, "info", "replication").Text()
	switch {
	case err != nil:
		return err
	case !strings.Contains(info, "role:slave"):
		return errPrimary
	case !strings.Contains(info, "master_link_status:up"):
		return errors.New("replica has not caught up")
	}
	return nil
}

// lose kills a primary. First, it pauses the replicas and cuts them off, so that they get
// none of the primary's last writes. The parameter behind is how long that lasts before
// the primary dies.
func (s *Server) lose(ctx context.Context, replicas []*Server, behind time.Duration) error {
	defer s.Kill()
	if behind <= 0 {
		return nil
	}
	for _, replica := range replicas {
		if err := replica.Pause(); err != nil {
			return err
		}
		defer func() {
			s.Kill() // so that the replica cannot reach the primary any more
			_ = replica.Resume()
		}()
	}
	if err := s.ask(ctx, "client", "kill", "type", "replica").Err(); err != nil {
		return fmt.Errorf("cut replicas off: %w", err)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(behind):
		return nil
	}
}

// rejoin starts a former primary again, and blocks until it has caught up as a replica.
func (s *Server) rejoin(ctx context.Context) error {
	if err := s.Restart(ctx); err != nil {
		return err
	}
	if err := within(ctx, electTime, s.follows); err != nil {
		return fmt.Errorf("former primary %s: %w", s.addr, err)
	}
	return nil
}

// The function within calls ready until that returns nil, the duration limit is over,
// or ctx ends.
func within(ctx context.Context, limit time.Duration, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return await(ctx, func() error { return ready(ctx) })
}

// addresses returns the addresses of servers, separated by commas.
func addresses(servers []*Server) string {
	var list []string
	for _, s := range servers {
		list = append(list, s.addr)
	}
	return strings.Join(list, ",")
}
