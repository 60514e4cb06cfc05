package link

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/sourceip"
)

// strangers are the links whose peers have not proved who they are. Only these count
// against their address.
type strangers struct {
	limiter *sourceip.Limiter

	mu sync.Mutex
	of map[uint64]stranger // by id of the link
}

type stranger struct {
	from  netip.Addr      // the peer, or the client that a proxy named
	place *sourceip.Place // nil: from is a proxy, which does not count
}

// meet counts a link against this address. The link is new, or its proxy has just named
// its client. meet returns false if there are too many links of this address.
func (s *Server) meet(l *Link, from netip.Addr) bool {
	if s.strangers.limiter == nil {
		return true
	}
	met := stranger{from: from}
	if !s.config.Proxies.Trust(from) {
		place, ok := s.strangers.limiter.Enter(from, time.Now(), func() { l.abort(proto.LoginTimeout) })
		if !ok {
			s.metrics.crowded.Inc()
			return false
		}
		met.place = place
	}
	s.strangers.put(l.id, met)
	return true
}

func (s *strangers) put(id uint64, met stranger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = make(map[uint64]stranger)
	}
	s.of[id] = met
}

// leave stops counting a link, because its peer has proved who it is or the link has
// ended.
func (s *strangers) leave(id uint64) {
	s.mu.Lock()
	met := s.of[id]
	delete(s.of, id)
	s.mu.Unlock()
	met.place.Leave()
}

func (s *strangers) from(id uint64) netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of[id].from
}

// Proved records that the peer has proved who it is. The link no longer counts against
// its address. A second call does nothing.
func (l *Link) Proved() { l.server.strangers.leave(l.id) }

// Client returns the address of the peer, or of the client that a proxy named. After
// Proved it is always the peer's. It is for people to read.
func (l *Link) Client() string {
	if from := l.server.strangers.from(l.id); from.IsValid() {
		return from.String()
	}
	return sourceip.Addr(l.RemoteAddr()).String()
}

// behind counts a link against the client that its proxy named. An error ends the link.
func (l *Link) behind(client netip.Addr) error {
	l.server.strangers.leave(l.id)
	if !l.server.meet(l, client) {
		return errCrowded
	}
	return nil
}

// forwarded counts a WebSocket that came through a proxy against the client that the
// proxy named in X-Forwarded-For.
func (l *Link) forwarded(r *http.Request) error {
	from := l.server.strangers.from(l.id)
	if !l.server.config.Proxies.Trust(from) {
		return nil
	}
	r.RemoteAddr = netip.AddrPortFrom(from, 0).String()
	if client := l.server.config.Proxies.Client(r); client != from {
		return l.behind(client)
	}
	return nil
}
