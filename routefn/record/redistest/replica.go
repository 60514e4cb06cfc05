package redistest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// askTime is how long a server may take to answer. On an overloaded machine, the one
// second of a ping was too short.
const askTime = 5 * time.Second

// ask sends one command over a connection of its own.
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
		Addr: s.addr, TLSConfig: s.tls.client(), MaxRetries: -1, DialerRetries: 1, PoolSize: 1, Protocol: 2, DialTimeout: askTime, ReadTimeout: askTime, DisableIdentity: true, ContextTimeoutEnabled: true,
	})
}

// Cut closes all clients' connections. Commands that the server executes at that moment
// take effect, and their answers are lost.
func (s *Server) Cut(ctx context.Context) error {
	if err := s.ask(ctx, "client", "kill", "type", "normal").Err(); err != nil {
		return fmt.Errorf("cut connections of clients: %w", err)
	}
	return nil
}

// errPrimary is returned when a server is no replica.
var errPrimary = errors.New("it is no replica")

// follows returns nil if the server is a replica that has caught up once.
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

// lose kills a primary. For the time behind before that, its replicas are paused and
// lose their connections to it, so that they do not receive its writes.
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
			s.Kill() // before it can be reached again
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

// rejoin starts a former primary and blocks until it is a replica.
func (s *Server) rejoin(ctx context.Context) error {
	if err := s.Restart(ctx); err != nil {
		return err
	}
	if err := within(ctx, electTime, s.follows); err != nil {
		return fmt.Errorf("former primary %s: %w", s.addr, err)
	}
	return nil
}

// within calls ready until it returns nil, limit has passed, or ctx ends.
func within(ctx context.Context, limit time.Duration, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return await(ctx, func() error { return ready(ctx) })
}

// addresses lists the servers for a URL.
func addresses(servers []*Server) string {
	var list []string
	for _, s := range servers {
		list = append(list, s.addr)
	}
	return strings.Join(list, ",")
}
