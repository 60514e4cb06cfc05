package wire

import (
	"crypto/tls"
	"sync"
)

// Sessions keeps the latest session of TLS. Nodes that share a ticket key resume each
// other's sessions, so one session is enough. Package tls uses the session only for a node
// for which the session's certificate is valid. The zero value has no session. It is safe
// for concurrent use.
type Sessions struct {
	mu     sync.Mutex
	latest *tls.ClientSessionState
}

// Get implements tls.ClientSessionCache.
func (s *Sessions) Get(string) (*tls.ClientSessionState, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest, s.latest != nil
}

// Put implements tls.ClientSessionCache.
func (s *Sessions) Put(_ string, latest *tls.ClientSessionState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest = latest
}
