package link

import (
	"net/netip"
	"sync"

	"github.com/cim-go/cim/proto/sourceip"
)

// strangers are the links whose peers have not proved who they are. Only these links
// count against the addresses of their peers.
type strangers struct {
	limiter *sourceip.Limiter

	mu sync.Mutex
	of map[uint64]stranger // by id of the link
}

type stranger struct {
	from  netip.Addr      // the peer, or the client that a proxy named
	place *sourceip.Place // the count of this address; nil: from is a proxy, which does not count
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
