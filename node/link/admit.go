package link

import "net/netip"

// refuses reports whether the number of links has reached its limit, so that the next
// one must be refused. If so, it counts the refusal.
func (s *Server) refuses() bool {
	full := s.config.MaxLinks > 0 && s.list.len() >= s.config.MaxLinks
	if full {
		s.metrics.refused.Inc()
	}
	return full
}

// newLink returns a new link of a peer at this address. The caller sets its wire and
// then calls admit.
func (s *Server) newLink(from netip.Addr) *Link {
	l := &Link{server: s, id: s.nextID.Add(1)}
	l.since.Store(s.clock.Load())
	l.in = &sniffer{tls: s.config.TLS != nil, only: s.config.TLSOnly}
	if s.config.Proxies.Trust(from) {
		l.in = &proxied{next: l.in}
	}
	return l
}

// admit gives a link its owner and adds it to the list. From then on the link may be
// used. When the link has ended, the engine must call Server.left.
func (s *Server) admit(l *Link) {
	l.handler = s.config.Accept(l)
	s.links.Add(1)
	s.silent.Add(1)
	s.list.add(l)
}

// left removes a link that has ended: no goroutine reads, writes or calls the link any
// more.
func (s *Server) left(l *Link) {
	l.mu.Lock()
	silent := !l.loggedIn
	l.mu.Unlock()
	if silent {
		s.silent.Add(-1)
	}
	s.strangers.leave(l.id)
	s.list.remove(l)
	s.links.Done()
}
