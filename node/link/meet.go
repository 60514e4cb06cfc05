package link

import (
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/sourceip"
)

// errCrowded ends a link without a goodbye, because its address has too many links
// already.
var errCrowded = errors.New("too many connections of one address that have not logged in")

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

// Proved records that the peer has proved who it is. The link no longer counts against
// its address. Calling it again does nothing.
func (l *Link) Proved() { l.server.strangers.leave(l.id) }

// Client returns the address of the peer, or of the client that a proxy named. After
// Proved it is always the peer's. It is for people to read.
func (l *Link) Client() string {
	if from := l.server.strangers.from(l.id); from.IsValid() {
		return from.String()
	}
	return sourceip.Addr(l.RemoteAddr()).String()
}

// If a proxy named the client of a link, behind counts the link against that client's
// address. An error ends the link.
func (l *Link) behind(client netip.Addr) error {
	l.server.strangers.leave(l.id)
	if !l.server.meet(l, client) {
		return errCrowded
	}
	return nil
}

// forwarded counts a WebSocket that came through a proxy. It counts against the client
// that the proxy named in X-Forwarded-For.
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
