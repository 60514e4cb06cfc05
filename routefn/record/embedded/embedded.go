// Package embedded is a store inside the process: a look-alike of Redis that listens on
// a TCP address of this machine. It is for tests, and for a cluster on one machine. It
// runs scripts some twenty times slower than a Redis server, and its data are lost when
// it closes.
package embedded

import (
	"fmt"
	"net"
	"net/url"

	"github.com/alicebob/miniredis/v2"
)

// Server is a running store. It has a goroutine for its listener and one for each
// connection. Close ends all of them.
type Server struct {
	mini     *miniredis.Miniredis
	password string
}

// Start starts a store that listens on addr, the host:port of a loopback address. Port
// 0 stands for a free port. Other addresses are refused, because all data are sent in the
// clear. The server has no password.
func Start(addr string) (*Server, error) { return StartLocked(addr, "") }

// StartLocked does what Start does, for a server with a password. If the password is
// empty, the server has none.
func StartLocked(addr, password string) (*Server, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("start embedded store: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("start embedded store: %s is not a loopback address", addr)
	}
	mini := miniredis.NewMiniRedis()
	mini.RequireAuth(password)
	if err := mini.StartAddr(addr); err != nil {
		return nil, fmt.Errorf("start embedded store: %w", err)
	}
	mini.ClockTTL(true) // without this, keys with a time to live would stay for ever
	return &Server{mini: mini, password: password}, nil
}

// Addr returns host:port.
func (s *Server) Addr() string { return s.mini.Addr() }

// URL returns the URL for record.Config. The URL has the password. The caller must also
// set Config.AllowEmbedded.
func (s *Server) URL() string {
	if s.password == "" {
		return "redis://" + s.Addr()
	}
	return "redis://" + url.UserPassword("", s.password).String() + "@" + s.Addr()
}

// Close ends all connections and deletes the stored data. It may be called twice.
func (s *Server) Close() { s.mini.Close() }
