// Package embedded is a store inside the process: a look-alike of Redis that listens on
// a TCP address of this machine. It is for tests, and for a cluster on one machine. It
// runs scripts some twenty times slower than a Redis server, and its data are lost when
// it closes.
package embedded

import (
	"fmt"
	"net"

	"github.com/alicebob/miniredis/v2"
)

// Server is a running store. It has a goroutine for its listener and one for each
// connection. Close ends all of them.
type Server struct {
	mini *miniredis.Miniredis
}

// Start starts a store that listens on addr, the host:port of a loopback address. Port
// 0 stands for a free port. Other addresses are refused, because the server has no
// password.
func Start(addr string) (*Server, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("start embedded store: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("start embedded store: %s is not a loopback address", addr)
	}
	mini := miniredis.NewMiniRedis()
	if err := mini.StartAddr(addr); err != nil {
		return nil, fmt.Errorf("start embedded store: %w", err)
	}
	mini.ClockTTL(true) // without it, keys with a time to live would stay for ever
	return &Server{mini: mini}, nil
}

// Addr returns host:port.
func (s *Server) Addr() string { return s.mini.Addr() }

// URL returns the URL for record.Config, in which AllowEmbedded must be set, too.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Close ends all connections and deletes the stored data. It may be called twice.
func (s *Server) Close() { s.mini.Close() }
