// Package embedded is a store inside the process: a Redis look-alike on a TCP
// address of this machine, for tests and for a cluster on one machine. It is
// some twenty times slower at scripts than a server of its own and keeps nothing
// when it closes.
package embedded

import (
	"fmt"
	"net"

	"github.com/alicebob/miniredis/v2"
)

// Server is a running store. It has a goroutine for its listener and one for
// each connection, all of which Close ends.
type Server struct {
	mini *miniredis.Miniredis
}

// Start listens on addr, which is host:port of the loopback interface. Port 0 takes a
// free one. Other interfaces are refused, because the server has no password.
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
	mini.ClockTTL(true) // off, keys with a time to live would stay for ever
	return &Server{mini: mini}, nil
}

// Addr returns host:port.
func (s *Server) Addr() string { return s.mini.Addr() }

// URL returns the address for record.Config. AllowEmbedded must be set beside it.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Close ends all connections and deletes the stored data. It may be called twice.
func (s *Server) Close() { s.mini.Close() }
