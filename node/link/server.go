package link

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/proto/sourceip"
)

// Server accepts links and looks after them. Make it with NewServer. Run starts and ends
// all goroutines.
type Server struct {
	config  Config
	metrics *metrics
	list    list
	nextID  atomic.Uint64
	start   time.Time
	every   time.Duration // between two sweeps
	clock   atomic.Int64  // ms since start, advanced by the sweep
	silent  atomic.Int64  // how many links have sent no first frame, including links that are closing

	strangers strangers

	links   sync.WaitGroup
	writers sync.WaitGroup // goroutines of streams
	running atomic.Pointer[engine]
}

// engine accepts the connections of a listener and carries their links.
type engine interface {
	// accept blocks until it has made a link of the next connection. It returns the
	// errors of the listener.
	accept() error
	// cork implements Server.Cork.
	cork() (uncork func())
	// stop closes the listener, which ends accept.
	stop()
	// end releases everything. It is called when no link is left.
	end()
}

// NewServer returns a Server with the defaults filled in. It starts nothing.
func NewServer(c Config) (*Server, error) {
	if c.Accept == nil {
		return nil, errors.New("link: Accept is missing")
	}
	if c.TLSOnly && c.TLS == nil {
		return nil, errors.New("link: TLSOnly needs TLS")
	}
	if c.Engine == EngineEpoll && !hasEpoll {
		return nil, errors.New("link: the epoll engine needs Linux")
	}
	if c.MaxFrame < 0 || c.OutboxBytes < 0 || c.MaxLinks < 0 || c.LoginSlots < 0 {
		return nil, errors.New("link: a limit is negative")
	}
	c = c.withDefaults()
	s := &Server{config: c, metrics: newMetrics(c.Registerer), start: time.Now(), every: sweepEvery}
	s.strangers.limiter = sourceip.NewLimiter(c.PerAddress)
	return s, nil
}

// Cork holds back writes to idle links until uncork is called. An owner calls it before
// it queues packets to many links, so that all packets for a link go out in one write.
// The owner must not wait for anything before it calls uncork.
func (s *Server) Cork() (uncork func()) {
	if e := s.running.Load(); e != nil {
		return (*e).cork()
	}
	return func() {}
}

// Len returns the number of links, including those that have not logged in or are
// closing.
func (s *Server) Len() int { return s.list.len() }
