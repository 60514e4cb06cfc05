package wire

import (
	"crypto/tls"
	"sync"
)

// Sessions keeps the latest session of TLS. The nodes of a cluster that share a key resume
// the sessions of all of them, so one is enough. A session counts only for a node for which
// its certificate is valid, which package tls checks. The zero value has none. It is safe
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
